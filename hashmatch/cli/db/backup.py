"""`hashmatch db backup`."""

from __future__ import annotations

from pathlib import Path

import click

from ..context import App, pass_app
from ..output import say


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_app
def command(app: App, file: Path) -> None:
    """Write all of the database to a new FILE, while others use it.

    It is as confidential as the lists. PostgreSQL is dumped by pg_dump.
    """
    from hashmatch.store.backup import back_up

    with app.database() as database:
        made = back_up(database, file)
    say(f"{made.path}: {made.size_bytes / 1e6:.1f} MB, schema {made.revision}")
