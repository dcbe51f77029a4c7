"""`hashmatch index compact`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..index_updates import compact_index, say_size


@click.command("compact")
@pass_app
def command(app: App) -> None:
    """Merge all segments and drop withdrawn entries.

    Other processes go on matching.
    """
    with app.database() as database:
        manifest = compact_index(app, database)
    say_size(manifest)
