"""`hashmatch outbox retry`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say
from .options import KEY


@click.command("retry")
@click.argument("message", type=KEY)
@pass_app
def command(app: App, message: int) -> None:
    """Retry a message at the next send."""
    from hashmatch.store.outbox import retry_message

    with app.database() as database, database.writing() as session:
        retry_message(session, message)
    say(f"message {message} will be sent by the next 'hashmatch outbox send' or 'lists sync'")
