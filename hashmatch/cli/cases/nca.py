"""`hashmatch cases nca`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..context import App, pass_app
from ..output import say
from .options import case_argument


@click.command("nca")
@case_argument
@click.option("--to", "target", default="", help="Escalation to the NCA, if there are several.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help='File to write, readable by you alone; "-" is stdout.',
)
@click.option("--without-details", is_flag=True, help="Leave the uploader details out.")
@pass_app
def command(app: App, case: int, target: str, output: Path, *, without_details: bool) -> None:
    """Write the report of a case for entry in the NCA's portal by hand.

    It has the uploader details; the audit log records it.
    """
    from hashmatch.cases import write_nca_report
    from hashmatch.reports import private_file

    with app.database() as database, database.writing() as session:
        report = write_nca_report(
            session, app.settings, case, target, with_details=not without_details
        )
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    if str(output) == "-":
        click.echo(text, nl=False)
    else:
        with private_file(output) as stream:
            stream.write(text)
    say(f"case {case}: priority {report['priority']}, due {report['due_at']}")
    if not report["duty"]["applies"]:
        named = [
            f"{one['authority']} {one['reference']}" for one in report["duty"]["reported_abroad"]
        ]
        say(f"  it was reported abroad already: {', '.join(named)}")
    if report["not_known"]:
        say(f"  not known: {', '.join(report['not_known'])}")
