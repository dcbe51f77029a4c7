"""`hashmatch sharing consumers`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..output import print_rows, say


@click.command("consumers")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Show who may pull lists, and with which tokens."""
    from hashmatch.store.sharing import read_consumers

    with app.database() as database, database.reading() as session:
        rows = [
            {
                "consumer": one.name,
                "lists": ", ".join(one.lists),
                "categories": ", ".join(one.categories) or "all",
                "members": ", ".join(one.members) or "all",
                "gets": "answers only" if one.is_private else "hashes",
                "tokens": ", ".join(one.tokens) or None,
            }
            for one in read_consumers(session)
        ]
    print_rows("Consumers", rows, as_json=as_json)
    if not rows and not as_json:
        say("there are none yet; next: hashmatch sharing consumer NAME --list LIST")
