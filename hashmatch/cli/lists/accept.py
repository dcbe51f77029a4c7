"""`hashmatch lists accept`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..index_updates import update_index
from ..output import say
from .options import name_argument


@click.command("accept")
@name_argument
@click.argument("delivery", type=int)
@pass_app
def command(app: App, name: str, delivery: int) -> None:
    """Accept a quarantined delivery.

    DELIVERY is its number in 'lists diff'.
    """
    from hashmatch.lists import accept_delivery

    with app.database() as database:
        done = accept_delivery(database, name, delivery)
        update_index(app, database)
    say(
        f"list {name}: accepted delivery {delivery}: {done.added} hashes added,"
        f" {done.withdrawn} withdrawn, {done.changed} changed"
    )
