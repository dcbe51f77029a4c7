"""`hashmatch cases pack`."""

from __future__ import annotations

from pathlib import Path

import click

from ..context import App, pass_app
from ..output import say
from .actions import actor_named
from .options import by_option, case_argument


@click.command("pack")
@case_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Archive to write, readable by you alone.",
)
@by_option
@pass_app
def command(app: App, case: int, output: Path, by: str | None) -> None:
    """Write the evidence pack of a case.

    It is one signed archive of everything on record about it, without imagery and without the
    uploader's details.
    """
    from hashmatch.cases import evidence_pack
    from hashmatch.reports import private_file

    actor = actor_named(by)
    with app.database() as database:
        data = evidence_pack(database, app.settings, case, actor)
    with private_file(output, is_binary=True) as stream:
        stream.write(data)
    say(f"case {case}: {output} has {len(data)} bytes")
