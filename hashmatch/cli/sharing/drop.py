"""`hashmatch sharing drop`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say


@click.command("drop")
@click.argument("exchange")
@click.argument("list_name", metavar="LIST")
@click.argument("entry")
@pass_app
def command(app: App, exchange: str, list_name: str, entry: str) -> None:
    """Give up an entry that an exchange refused or still lacks, until it is changed.

    Also a withdrawal: the exchange then keeps the entry.
    """
    from hashmatch.store.sharing import drop_entry

    with app.database() as database, database.writing() as session:
        drop_entry(session, exchange, list_name, entry)
    say(f"entry {entry} of list {list_name} is dropped for exchange {exchange}")
