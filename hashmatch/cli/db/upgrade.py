"""`hashmatch db upgrade`."""

from __future__ import annotations

from contextlib import closing

import click

from hashmatch.store.migrations import upgrade
from hashmatch.wiring import connect

from ..context import App, pass_app
from ..output import say


@click.command("upgrade")
@pass_app
def command(app: App) -> None:
    """Create the database, or upgrade its schema.

    Either is done in one transaction.
    """
    with closing(connect(app.settings)) as database:
        changed = upgrade(database)
        revision = database.schema_revision()
        say(f"{database.name()}: schema {revision}{'' if changed else ' (unchanged)'}")
