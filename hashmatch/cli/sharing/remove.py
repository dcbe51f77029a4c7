"""`hashmatch sharing remove`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say


@click.command("remove")
@click.argument("consumer")
@pass_app
def command(app: App, consumer: str) -> None:
    """Remove a consumer and revoke its tokens."""
    from hashmatch.store.sharing import remove_consumer

    with app.database() as database, database.writing() as session:
        remove_consumer(session, consumer)
    say(f"consumer {consumer} was removed; what it has pulled it still has")
