"""`hashmatch lists enable`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..index_updates import update_index
from ..output import say
from .options import name_argument


@click.command("enable")
@name_argument
@click.argument("entry_ids", nargs=-1, required=True, metavar="ENTRY_ID...")
@pass_app
def command(app: App, name: str, entry_ids: tuple[str, ...]) -> None:
    """Let disabled entries match again."""
    from hashmatch.store.lists import enable_entries

    with app.database() as database:
        with database.writing() as session:
            change = enable_entries(session, name, entry_ids)
        update_index(app, database)
    number = change.counts.added
    say(f"list {name}: hashes enabled: {number}; generation {change.generation} is in force")
