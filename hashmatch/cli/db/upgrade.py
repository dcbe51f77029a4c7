"""`hashmatch db upgrade`."""

from __future__ import annotations

from contextlib import closing

import click

from ..context import App, pass_app
from ..output import say


@click.command("upgrade")
@pass_app
def command(app: App) -> None:
    """Create the database, or upgrade its schema.

    Either is done in one transaction. Hashes in lists that this version knows to be degenerate are
    withdrawn in it.
    """
    from hashmatch.lists import withdraw_known_degenerate
    from hashmatch.store.migrations import upgrade
    from hashmatch.wiring import connect

    withdrawn: dict[str, int] = {}
    with closing(connect(app.settings)) as database:
        changed = upgrade(
            database, finish=lambda session: withdrawn.update(withdraw_known_degenerate(session))
        )
        revision = database.schema_revision()
        say(f"{database.name()}: schema {revision}{'' if changed else ' (unchanged)'}")
    for name, number in withdrawn.items():
        say(f"list {name}: {number} degenerate hashes are not matched any more")
