"""`hashmatch db restore`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from ..context import App, login_name, pass_app
from ..output import say


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Rename a database that is there.")
@pass_app
def command(app: App, file: Path, *, replace: bool) -> None:
    """Restore the database from a backup.

    Stop the service and scheduled commands first. A PostgreSQL database has to be empty, and is
    restored by pg_restore.
    """
    from hashmatch.store.backup import restore
    from hashmatch.store.engine import HEAD_REVISION
    from hashmatch.wiring import connect

    with closing(connect(app.settings, f"user {login_name()}")) as database:
        done = restore(database, file, replace=replace)
        say(f"{database.name()}: restored, schema {done.revision}")
    if done.renamed is not None:
        say(f"the database before it was renamed to {done.renamed}")
    if done.revision != HEAD_REVISION:
        say("next: hashmatch db upgrade")
