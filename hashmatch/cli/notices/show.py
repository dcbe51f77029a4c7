"""`hashmatch notices show`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..output import print_facts, print_json, print_table
from .options import request_argument


@click.command("show")
@request_argument
@json_option
@pass_app
def command(app: App, request_id: str, *, as_json: bool) -> None:
    """Show one notice with the places of its image and its history."""
    from hashmatch.notices import view_notice
    from hashmatch.store.schema import utc_now

    with app.database() as database, database.reading() as session:
        facts = view_notice(session, app.settings.notices, request_id, utc_now())
    if as_json:
        print_json(facts)
        return
    parts = {name: facts.pop(name) for name in ("places", "history")}
    print_facts(f"Notice {request_id}", facts)
    for name, rows in parts.items():
        if rows:
            columns = tuple(dict.fromkeys(key for row in rows for key in row))
            cells = [tuple(row.get(key) for key in columns) for row in rows]
            print_table(name.capitalize(), columns, cells)
