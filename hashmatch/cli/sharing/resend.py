"""`hashmatch sharing resend`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say
from .options import require_both


@click.command("resend")
@click.argument("exchange")
@click.option("--list", "list_name", help="The list of one entry.")
@click.option("--entry", help="The id of one entry, also of one that was sent.")
@pass_app
def command(app: App, exchange: str, list_name: str | None, entry: str | None) -> None:
    """Have refused entries sent to an exchange again, or one entry.

    An exchange that is paused is tried again at once.
    """
    from hashmatch.sharing import resend

    place = require_both(list_name, entry)
    with app.database() as database:
        number = resend(database, exchange, place)
    say(f"entries that are sent again: {number}; next: hashmatch sharing send")
