"""`hashmatch outbox drop`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say
from .options import KEY


@click.command("drop")
@click.argument("message", type=KEY)
@pass_app
def command(app: App, message: int) -> None:
    """Delete a message that has not been sent."""
    from hashmatch.store.outbox import drop_message

    with app.database() as database, database.writing() as session:
        drop_message(session, message)
    say(f"message {message} was deleted")
