"""`hashmatch lists reject`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say
from .options import name_argument


@click.command("reject")
@name_argument
@click.argument("delivery", type=int)
@pass_app
def command(app: App, name: str, delivery: int) -> None:
    """Reject a quarantined delivery.

    DELIVERY is its number in 'lists diff'.
    """
    from hashmatch.lists import reject_delivery

    with app.database() as database:
        reject_delivery(database, name, delivery)
    say(f"list {name}: rejected delivery {delivery}; the list is unchanged")
