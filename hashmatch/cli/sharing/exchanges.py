"""`hashmatch sharing exchanges`."""

from __future__ import annotations

import click

from ..context import App, json_option, limit_option, pass_app
from ..output import print_rows, say


@click.command("exchanges")
@click.option(
    "--entries",
    "exchange",
    metavar="EXCHANGE",
    help="The entries that this one refused, or still lacks.",
)
@limit_option
@json_option
@pass_app
def command(app: App, exchange: str | None, limit: int, *, as_json: bool) -> None:
    """Show what exchanges have of lists, and why not all."""
    from hashmatch.sharing import exchange_facts, unsent_facts

    settings = app.settings
    with app.database() as database:
        if exchange is not None:
            rows = unsent_facts(database, settings, exchange, limit=limit)
        else:
            rows = exchange_facts(database, settings)
    print_rows("Entries" if exchange else "Exchanges", rows, as_json=as_json)
    if not rows and not as_json:
        say("there are none" if exchange else "no exchange is named in [sharing.exchanges.NAME]")
