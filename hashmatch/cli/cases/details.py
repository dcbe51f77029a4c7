"""`hashmatch cases details`."""

from __future__ import annotations

from pathlib import Path

import click

from ..context import App, pass_app, standard_input
from ..output import say
from .actions import actor_named
from .options import by_option, case_argument


@click.command("details")
@case_argument
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@by_option
@pass_app
def command(app: App, case: int, file: Path, by: str | None) -> None:
    """Store the uploader details of a case, encrypted.

    FILE is JSON; "-" reads stdin.
    """
    from hashmatch.cases import store_details
    from hashmatch.uploaders import open_sealer, parse_details

    given = standard_input().read() if str(file) == "-" else file.read_bytes()
    details, sealer, actor = parse_details(given), open_sealer(app.settings), actor_named(by)
    with app.database() as database, database.writing(actor.audit_name) as session:
        store_details(session, sealer, case, details, actor)
    say(f"case {case}: the details are stored, encrypted")
