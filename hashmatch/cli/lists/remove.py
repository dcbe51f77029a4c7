"""`hashmatch lists remove`."""

from __future__ import annotations

import click

from hashmatch.errors import InputError

from ..context import App, pass_app
from ..index_updates import compact_index
from ..output import say
from .options import name_argument


@click.command("remove")
@name_argument
@click.option("--yes", is_flag=True, help="Confirm the deletion.")
@pass_app
def command(app: App, name: str, *, yes: bool) -> None:
    """Delete the entries of a list.

    The end of a licence may demand it. Recorded matches stay.
    """
    from hashmatch.store.lists import clear_removed, find_list, remove_list

    with app.database() as database:
        if not yes:
            with database.reading() as session:
                number = find_list(session, name).active_entries
            raise InputError(
                f"this would delete {number} active entries of list {name}",
                hint="Give --yes to confirm.",
            )
        with database.writing() as session:
            change = remove_list(session, name)
            list_key = find_list(session, name, removed_too=True).key
        clear_removed(database.turns(), list_key)
        if not database.forget_deleted():
            say("another process has the database open: its log holds traces until that ends")
        compact_index(app, database)
    say(
        f"list {name} is removed: {change.counts.withdrawn} active entries, and all withdrawn and"
        " disabled ones, are deleted and overwritten; recorded matches stay"
    )
