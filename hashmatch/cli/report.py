"""`hashmatch report`: what compliance teams hand on."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import click

from hashmatch.reports import FORMATS, private_file, report_rows
from hashmatch.store import MatchFilter, read_daily_counts

from .context import App, pass_app, show_hashes_option
from .output import say
from .period import period_options

_FORMATS = {one.name: one for one in FORMATS}


@click.group("report")
def command() -> None:
    """Export reports of the recorded matches."""


@command.command("export")
@click.option(
    "--format",
    "name",
    type=click.Choice(list(_FORMATS)),
    help="How to write them; by default the ending of --output tells, else csv.",
)
@period_options
@click.option("--list", "list_name", help="Only matches of this list.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help='A file, readable by you alone; "-", the default, is stdout.',
)
@show_hashes_option
@pass_app
def export(
    app: App,
    name: str | None,
    since: datetime | None,
    until: datetime | None,
    list_name: str | None,
    output: Path | None,
    *,
    show_hashes: bool,
) -> None:
    """Write the matches of a period, oldest first."""
    wanted = MatchFilter(since, until, list_name)
    target = None if output is None or str(output) == "-" else output
    ending = "" if target is None else target.suffix.removeprefix(".")
    report_format = _FORMATS[name or (ending if ending in _FORMATS else "csv")]
    with app.database() as database, database.reading() as session:
        rows = report_rows(session, wanted, show_hashes=show_hashes)
        with nullcontext(sys.stdout) if target is None else private_file(target) as stream:
            written = report_format.write(rows, stream)
        first = None if since is None else since.date()
        last = None if until is None else (until - timedelta(microseconds=1)).date()
        others = read_daily_counts(session, first, last)
    say(f"{written} matches{'' if target is None else f' written to {target}'}")
    for (outcome, reason), number in sorted(others.items()):
        say(f"on the same days {number} {outcome}{f' ({reason})' if reason else ''}")
