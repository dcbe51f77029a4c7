"""`hashmatch sharing status`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..output import print_rows, say


@click.command("status")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Show which lists are shared, and why others are not."""
    from hashmatch.sharing import sharing_facts

    settings = app.settings
    with app.database() as database:
        rows = sharing_facts(database, settings)
    print_rows("Shared lists", rows, as_json=as_json)
    if not rows and not as_json:
        say("no list is shared: set sharing.enabled, and add a section [sharing.lists.NAME]")
