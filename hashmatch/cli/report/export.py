"""`hashmatch report export`."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from hashmatch.errors import InputError

from ..choices import REPORT_FORMATS
from ..context import App, pass_app, show_hashes_option
from ..output import known_ending, say
from ..period import period_options

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hashmatch.reports import ReportWanted

_FIGURES = ("html", "pdf", "transparency")
_CYBERTIP = "cybertip"
_ENDINGS = {
    **{name: name for name in (*REPORT_FORMATS, "html", "pdf")},
    "json": "transparency",
    "xml": _CYBERTIP,
}


@click.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice([*REPORT_FORMATS, *_FIGURES, _CYBERTIP]),
    help="csv and jsonl: rows; html and pdf: figures for people; transparency: counts as JSON;"
    " cybertip: NCMEC's XML. The default is the suffix of --output, else csv.",
)
@click.option(
    "--of",
    type=click.Choice(["matches", "cases"]),
    default="matches",
    show_default=True,
    help="Rows of csv and jsonl.",
)
@period_options
@click.option("--list", "list_name", help="Only matches of this list.")
@click.option("--case", "case_id", help="Only this case, for cybertip.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, allow_dash=True),
    help='File to write, readable by you alone; "-", the default, is stdout. For cybertip of'
    " several cases a folder.",
)
@click.option("--show-details", is_flag=True, help="For cybertip: include the uploader details.")
@show_hashes_option
@pass_app
def command(
    app: App,
    form: str | None,
    of: str,
    since: datetime | None,
    until: datetime | None,
    list_name: str | None,
    case_id: str | None,
    output: Path | None,
    *,
    show_details: bool,
    show_hashes: bool,
) -> None:
    """Export the matches, cases or figures of a period.

    The audit log records it.
    """
    from hashmatch.reports import ReportWanted, record_export
    from hashmatch.store.cases import parse_case_id
    from hashmatch.store.matches import MatchFilter

    target = None if output is None or str(output) == "-" else output
    ending = known_ending(target, _ENDINGS) if form is None else ""
    case = None if case_id is None else parse_case_id(case_id)
    wanted = ReportWanted(
        form or _ENDINGS.get(ending, "csv"),
        of,
        since,
        until,
        list_name,
        case,
        show_hashes=show_hashes,
        show_details=show_details,
    )
    _require_fitting(wanted)
    with app.database() as database:
        MatchFilter(since, until)  # Raises for an invalid period, before anything is recorded.
        record_export(database, database.actor, wanted.as_facts())
        with database.reading() as session:
            if wanted.form == _CYBERTIP:
                _write_cybertip(app, session, wanted, target)
            elif wanted.form in _FIGURES:
                _write_figures(app, session, wanted, target)
            else:
                _write_rows(session, wanted, target)


def _require_fitting(wanted: ReportWanted) -> None:
    for name in wanted.misfits():
        raise click.UsageError(
            f"--{name.replace('_', '-')} cannot be combined with --format {wanted.form}"
            + (f" of {wanted.of}" if wanted.has_rows else "")
        )


def _write_rows(session: Session, wanted: ReportWanted, target: Path | None) -> None:
    from hashmatch.reports import FORMATS, CaseRow, ReportRow, case_rows, report_values
    from hashmatch.store.cases import CaseFilter
    from hashmatch.store.matches import MatchFilter, read_daily_counts
    from hashmatch.store.queue import read_cases_by_opening

    rows: Any
    kind: type[Any]
    if wanted.of == "cases":
        opened = CaseFilter(since=wanted.since, until=wanted.until)
        rows, kind = case_rows(session, read_cases_by_opening(session, opened)), CaseRow
    else:
        matches = MatchFilter(wanted.since, wanted.until, wanted.list_name)
        rows, kind = report_values(session, matches, show_hashes=wanted.show_hashes), ReportRow
    with _opened(target) as stream:
        chosen = next(one for one in FORMATS if one.name == wanted.form)
        written = chosen.write(kind, rows, stream)
    first = None if wanted.since is None else wanted.since.date()
    last = None if wanted.until is None else (wanted.until - timedelta(microseconds=1)).date()
    others = read_daily_counts(session, first, last)
    say(f"{written} {wanted.of}{_where(target)}")
    for (outcome, reason), number in sorted(others.items()):
        say(f"in the same period {number} {outcome}{f' ({reason})' if reason else ''}")


def _write_figures(app: App, session: Session, wanted: ReportWanted, target: Path | None) -> None:
    from hashmatch.reports import (
        figures_before,
        html_summary,
        pdf_summary,
        read_figures,
        transparency,
    )

    figures = read_figures(session, wanted.since, wanted.until)
    before = None if wanted.form == "transparency" else figures_before(session, figures)
    platform = app.settings.console.platform
    if wanted.form == "pdf":
        if target is None and sys.stdout.isatty():
            raise InputError("a PDF cannot be printed to a terminal", hint="Give --output FILE.")
        document = pdf_summary(figures, before, platform=platform)
        with _opened(target, is_binary=True) as stream:
            stream.write(document)
    else:
        if wanted.form == "html":
            text = html_summary(figures, before, platform=platform)
        else:
            text = json.dumps(transparency(figures), indent=2)
        with _opened(target) as stream:
            stream.write(text.rstrip("\n") + "\n")
    say(f"figures of {figures.matches} matches{_where(target)}")


def _write_cybertip(app: App, session: Session, wanted: ReportWanted, target: Path | None) -> None:
    # Imported here: it loads the CyberTipline modules, which other reports do not need.
    from hashmatch.cases import cybertip_documents
    from hashmatch.reports import private_file, private_folder
    from hashmatch.store.cases import CaseFilter

    documents = cybertip_documents(
        session,
        app.settings,
        CaseFilter(since=wanted.since, until=wanted.until),
        case=wanted.case,
        show_details=wanted.show_details,
        show_hashes=wanted.show_hashes,
    )
    if wanted.case is not None:
        ((_, document),) = documents
        with _opened(target, is_binary=True) as stream:
            stream.write(document)
        say(f"case {wanted.case}{_where(target)}")
        return
    if target is None:
        raise InputError(
            "every case is a document of its own", hint="Give --output FOLDER or --case."
        )
    number = 0
    with private_folder(target) as folder:
        for case, document in documents:
            with private_file(folder / f"case-{case}.xml", is_binary=True) as stream:
                stream.write(document)
            number += 1
    say(f"{number} confirmed cases{_where(target)}")


def _opened(target: Path | None, *, is_binary: bool = False) -> Any:
    from hashmatch.reports import private_file

    if target is not None:
        return private_file(target, is_binary=is_binary)
    stream: IO[Any] = sys.stdout.buffer if is_binary else sys.stdout
    return nullcontext(stream)


def _where(target: Path | None) -> str:
    return "" if target is None else f" written to {target}"
