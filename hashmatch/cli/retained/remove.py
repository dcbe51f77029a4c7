"""`hashmatch retained remove`."""

from __future__ import annotations

import click

from ..context import App, pass_app, standard_input
from ..output import say


@click.command("remove")
@click.argument("content_ids", nargs=-1, required=True, metavar="CONTENT_ID...")
@pass_app
def command(app: App, content_ids: tuple[str, ...]) -> None:
    """Remove all hashes of some uploads.

    CONTENT_ID is the platform's own name of an upload; "-" reads one a line. What a running
    process is still writing is compared no more, and removed when it ends its file.
    """
    from hashmatch.wiring import open_retained

    if content_ids == ("-",):
        content_ids = tuple(filter(None, standard_input().read().decode().splitlines()))
    removed = open_retained(app.settings).remove(content_ids)
    say(f"{removed:,} hashes of {len(content_ids):,} content ids removed")
