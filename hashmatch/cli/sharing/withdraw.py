"""`hashmatch sharing withdraw`."""

from __future__ import annotations

import click

from ..cases.actions import actor_named
from ..context import App, pass_app
from ..index_updates import update_index
from ..output import say
from .options import contribution_options


@click.command("withdraw")
@contribution_options
@pass_app
def command(app: App, number: int, by: str | None) -> None:
    """Withdraw a contribution, from those who pulled it, too.

    NUMBER is its number.
    """
    from hashmatch.cases import withdraw_contribution

    actor = actor_named(by)
    with app.database() as database:
        with database.writing(actor.audit_name) as session:
            withdraw_contribution(session, number, actor)
        update_index(app, database)
    say(f"contribution {number} is withdrawn; consumers learn of it when they pull next")
