"""`hashmatch backfill --hashes`: compare retained hashes with new entries."""

from __future__ import annotations

import click

from hashmatch.outcome import Matched
from hashmatch.wire import outcome_as_json

from .context import App
from .exit_codes import EXIT_CLEAR, EXIT_MATCHED
from .output import print_json, print_line, progress, say


def recheck_hashes(app: App, *, is_whole: bool, as_json: bool) -> None:
    """Compare them, and print which uploads matched; all entries are new with `is_whole`."""
    from hashmatch.engines import recheck
    from hashmatch.wiring import open_policy, open_retained, open_scanner_with

    def report(one: Matched) -> None:
        if as_json:
            print_json(outcome_as_json(one))
        else:
            print_line(f"{one.content_id}  {one.action}")

    settings = app.settings
    retained = open_retained(settings)
    retained.settle(settings.retained_hashes.max_age_days)
    with (
        app.database() as database,
        open_scanner_with(settings, is_counted=False) as scanner,
        progress("compared", data_goes_to_terminal=True) as bar,
    ):
        result = recheck(
            database,
            scanner,
            open_policy(settings),
            retained,
            is_whole=is_whole,
            report=report,
            progress=lambda number: bar.update(bar.task_ids[0], completed=number),
        )
    if not result.entries:
        say("no list has new entries")
    else:
        say(f"{result.hashes:,} retained hashes compared with {result.entries:,} new entries")
    if result.matched:
        say("'hashmatch matches list' shows what matched.")
    click.get_current_context().exit(EXIT_MATCHED if result.matched else EXIT_CLEAR)
