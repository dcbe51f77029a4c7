"""`hashmatch notices contact`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..output import print_facts, print_json, say
from .options import request_argument


@click.command("contact")
@request_argument
@json_option
@pass_app
def command(app: App, request_id: str, *, as_json: bool) -> None:
    """Show who made a request; the audit log records it."""
    from hashmatch.notices import show_contact
    from hashmatch.uploaders import open_sealer

    sealer = open_sealer(app.settings)
    with app.database() as database, database.writing() as session:
        found = show_contact(session, sealer, request_id, "command line")
    facts = None if found is None else found.as_json()
    if as_json:
        print_json({"request_id": request_id, "requester": facts})
    elif facts is None:
        say(f"{request_id}: the contact is not here; ask the platform's own system")
    else:
        shown = {name: _text(value) for name, value in facts.items()}
        print_facts(f"Requester of {request_id}", shown)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
