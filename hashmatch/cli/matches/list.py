"""`hashmatch matches list`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from hashmatch.outcome import Nearness

from ..context import App, json_option, limit_option, pass_app
from ..output import print_json, print_table, say
from ..period import period_options

if TYPE_CHECKING:
    from hashmatch.reports import ReportRow


@click.command("list")
@period_options
@click.option("--list", "list_name", help="Only matches of this list.")
@limit_option
@json_option
@pass_app
def command(
    app: App,
    since: datetime | None,
    until: datetime | None,
    list_name: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """Show the newest matches, newest first."""
    from hashmatch.reports import report_rows
    from hashmatch.store.matches import MatchFilter

    wanted = MatchFilter(since, until, list_name, limit)
    with app.database() as database, database.reading() as session:
        rows = list(report_rows(session, wanted))
    if as_json:
        for row in rows:
            print_json(row.as_json())
        return
    names = ("match", "matched_at", "content id", "action", "list", "entry", "found by")
    print_table("Matches", names, [_cells(row) for row in rows])
    if not rows:
        say("there are no such matches")
    if len(rows) == limit:
        say(f"there may be more than these {limit}; see --limit")


def _cells(row: ReportRow) -> tuple[object, ...]:
    return (
        row.match_id,
        row.matched_at,
        row.content_id,
        row.action,
        row.list,
        _entry(row),
        _found_by(row),
    )


def _entry(row: ReportRow) -> str:
    category = f" ({row.category})" if row.category else ""
    return f"{row.entry_id}{category}" + (f" +{row.entries - 1}" if row.entries > 1 else "")


def _found_by(row: ReportRow) -> str:
    if row.nearness == Nearness.NEAR:
        return f"{row.algorithm} {row.distance_bits}/{row.threshold_bits} near"
    if not row.threshold_bits:
        return row.algorithm
    return f"{row.algorithm} {row.distance_bits}/{row.threshold_bits}"
