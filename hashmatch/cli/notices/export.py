"""`hashmatch notices export`."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..choices import REPORT_FORMATS
from ..context import App, pass_app
from ..output import say
from ..period import period_options

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_FIGURES = "figures"


@click.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice([*REPORT_FORMATS, _FIGURES]),
    default="csv",
    show_default=True,
    help="csv and jsonl: a row for each notice; figures: the figures of the period as JSON.",
)
@period_options
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, allow_dash=True),
    help='File to write, readable by you alone; "-", the default, is stdout.',
)
@pass_app
def command(
    app: App, form: str, since: datetime | None, until: datetime | None, output: Path | None
) -> None:
    """Export the notices that were received in a period, or their figures.

    Nobody who made a request is in it. The audit log records it.
    """
    from hashmatch.reports import private_file, record_export

    target = None if output is None or str(output) == "-" else output
    facts = {
        "of": "notices",
        "format": form,
        "since": None if since is None else since.isoformat(),
        "until": None if until is None else until.isoformat(),
    }
    with app.database() as database:
        record_export(database, database.actor, facts)
        with (
            database.reading() as session,
            nullcontext(sys.stdout) if target is None else private_file(target) as stream,
        ):
            written = _write(app, session, form, since, until, stream)
    say(written if target is None else f"{written} written to {target}")


def _write(
    app: App,
    session: Session,
    form: str,
    since: datetime | None,
    until: datetime | None,
    stream: Any,
) -> str:
    from hashmatch.notices import NoticeRow, figures_document, notice_rows, read_notice_figures
    from hashmatch.reports import FORMATS

    if form == _FIGURES:
        figures = read_notice_figures(session, since, until)
        stream.write(json.dumps(figures_document(session, figures), indent=2) + "\n")
        return f"figures of {figures.numbers['received']} notices"
    chosen = next(one for one in FORMATS if one.name == form)
    rows = notice_rows(session, app.settings.notices, since, until)
    return f"{chosen.write(NoticeRow, rows, stream)} notices"
