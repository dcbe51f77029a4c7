"""`hashmatch cases retract`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say
from .actions import actor_named
from .options import by_option, case_argument


@click.command("retract")
@case_argument
@by_option
@pass_app
def command(app: App, case: int, by: str | None) -> None:
    """Retract an unfinished report to NCMEC."""
    from hashmatch.cases import retract

    with app.database() as database:
        retract(database, app.settings, case, actor_named(by))
    say(f"case {case}: the report is retracted")
