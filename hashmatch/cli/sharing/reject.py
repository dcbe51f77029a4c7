"""`hashmatch sharing reject`."""

from __future__ import annotations

import click

from ..cases.actions import actor_named
from ..cases.options import by_option
from ..context import App, pass_app
from ..output import say


@click.command("reject")
@click.argument("number", type=click.IntRange(min=1))
@by_option
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
