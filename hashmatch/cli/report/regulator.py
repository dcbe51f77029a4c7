"""`hashmatch report regulator`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hashmatch.errors import InputError

from ..choices import REGULATOR_FORMS, REGULATORS
from ..context import App, pass_app
from ..output import known_ending, say
from ..period import period_options

if TYPE_CHECKING:
    from hashmatch.regulators import MadeReport

_FOLDER = "folder"


@click.command("regulator")
@click.argument("regulator", type=click.Choice(REGULATORS))
@click.option(
    "--format",
    "form",
    type=click.Choice([*REGULATOR_FORMS, _FOLDER]),
    help="json, csv, html and pdf: figures with definitions; folder and zip: the files of the"
    " DSA's template. The default is the suffix of --output, else folder for dsa and json.",
)
@period_options
@click.option(
    "--recall",
    "recall_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Results of 'hashmatch evaluate recall', for the recall of the report.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, allow_dash=True),
    help='File or folder to write, readable by you alone; "-", the default, is stdout.',
)
@pass_app
def command(
    app: App,
    regulator: str,
    form: str | None,
    since: datetime | None,
    until: datetime | None,
    recall_path: Path | None,
    output: Path | None,
) -> None:
    """Report a period to a regulator, with definitions and the period before.

    dsa: the EU's Digital Services Act; interim: the EU's yearly report on messages; ofcom: the
    review of hash matching of the UK's codes; australia: facts for eSafety. The audit log records
    it.
    """
    from hashmatch.regulators import Regulator, Span, make_regulator_report, read_recall
    from hashmatch.reports import record_export

    if since is None or until is None:
        raise click.UsageError("--since and --until are needed: a report is of a period")
    target = None if output is None or str(output) == "-" else output
    chosen = Regulator(regulator)
    name = form or _form_of(target, regulator)
    _require_fitting(name, chosen, target)
    settings, span = app.settings, Span(since, until)
    recall = () if recall_path is None else read_recall(recall_path, settings.intake.level)
    facts = {
        "format": name,
        "regulator": regulator,
        "since": since.isoformat(),
        "until": until.isoformat(),
    }
    with app.database() as database:
        record_export(database, database.actor, facts)
        with database.reading() as session:
            made = make_regulator_report(session, settings, chosen, span, recall=recall)
    _write(made, name, target)


def _form_of(target: Path | None, regulator: str) -> str:
    if ending := known_ending(target, REGULATOR_FORMS):
        return ending
    return _FOLDER if regulator == "dsa" and target is not None else "json"


def _require_fitting(name: str, regulator: object, target: Path | None) -> None:
    from hashmatch.regulators import Regulator

    if name in ("zip", _FOLDER) and regulator is not Regulator.DSA:
        raise click.UsageError(f"--format {name} is of dsa alone, whose template has parts")
    if name == _FOLDER and target is None:
        raise InputError("the parts are files of their own", hint="Give --output FOLDER.")
    if name in ("zip", "pdf") and target is None and sys.stdout.isatty():
        raise InputError(f"a {name} cannot be printed to a terminal", hint="Give --output FILE.")


def _write(made: MadeReport, name: str, target: Path | None) -> None:
    from hashmatch.regulators import Form, document_of, files_of
    from hashmatch.reports import private_file, private_folder

    if name == _FOLDER and target is not None:
        files = files_of(made)
        with private_folder(target) as folder:
            for file, data in files.items():
                with private_file(folder / file, is_binary=True) as stream:
                    stream.write(data)
        say(f"{len(files)} files written to {target}")
    else:
        document = document_of(made, Form(name))
        opened: Any = (
            nullcontext(sys.stdout.buffer)
            if target is None
            else private_file(target, is_binary=True)
        )
        with opened as stream:
            stream.write(document)
        if target is not None:
            say(f"report written to {target}")
    for one in made.warnings:
        say(one)
