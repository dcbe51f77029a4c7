"""`hashmatch sharing approve`."""

from __future__ import annotations

import click

from ..cases.actions import actor_named
from ..context import App, pass_app
from ..index_updates import update_index
from ..output import say
from .options import contribution_options


@click.command("approve")
@contribution_options
@pass_app
def command(app: App, number: int, by: str | None) -> None:
    """Agree to a contribution that somebody else proposed.

    NUMBER is its number.
    """
    from hashmatch.cases import approve_contribution

    actor = actor_named(by)
    with app.database() as database:
        with database.writing(actor.audit_name) as session:
            done = approve_contribution(session, number, actor)
        update_index(app, database)
    say(f"contribution {number}: entry {done.entry} of list {done.list_name} is in force")
