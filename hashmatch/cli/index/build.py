"""`hashmatch index build`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..index_updates import say_size


@click.command("build")
@click.option("--rebuild", is_flag=True, help="Build it from the database alone.")
@pass_app
def command(app: App, *, rebuild: bool) -> None:
    """Bring the index up to date with the lists.

    A damaged index is rebuilt.
    """
    from hashmatch.hashers import ALGORITHMS
    from hashmatch.index import IndexFolder, catch_up, inspect

    folder = IndexFolder(app.settings.index_dir)
    with app.database() as database:
        is_damaged = rebuild or bool(inspect(database, folder, ALGORITHMS).problem)
        manifest = catch_up(database, folder, ALGORITHMS, rebuild=is_damaged)
    say_size(manifest)
