"""`hashmatch lists disable`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..index_updates import update_index
from ..output import say
from .options import name_argument


@click.command("disable")
@name_argument
@click.argument("entry_ids", nargs=-1, required=True, metavar="ENTRY_ID...")
@pass_app
def command(app: App, name: str, entry_ids: tuple[str, ...]) -> None:
    """Take single entries out of matching.

    They stay out whatever later deliveries bring. ENTRY_ID is the licensor's, or "#" and a
    number where it gives none, as matches show it.
    """
    from hashmatch.store.lists import disable_entries

    with app.database() as database:
        with database.writing() as session:
            change = disable_entries(session, name, entry_ids)
        update_index(app, database)
    number = change.counts.withdrawn
    say(f"list {name}: hashes disabled: {number}; generation {change.generation} is in force")
