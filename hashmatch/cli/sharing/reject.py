"""`hashmatch sharing reject`."""

from __future__ import annotations

import click

from ..cases.actions import actor_named
from ..context import App, pass_app
from ..output import say
from .options import contribution_options


@click.command("reject")
@contribution_options
@pass_app
def command(app: App, number: int, by: str | None) -> None:
    """Reject a contribution that was proposed.

    NUMBER is its number.
    """
    from hashmatch.cases import reject_contribution

    actor = actor_named(by)
    with app.database() as database, database.writing(actor.audit_name) as session:
        reject_contribution(session, number, actor)
    say(f"contribution {number} is rejected")
