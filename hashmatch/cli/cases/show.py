"""`hashmatch cases show`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..output import print_facts, print_json, print_table
from .options import case_argument

_PARTS = (
    "evidence", "matches", "notes", "reports", "references", "deadlines", "measures", "appeals",
    "messages", "history",
)  # fmt: skip


@click.command("show")
@case_argument
@click.option(
    "--details", is_flag=True, help="Show the uploader details; the audit log records it."
)
@json_option
@pass_app
def command(app: App, case: int, *, details: bool, as_json: bool) -> None:
    """Show one case with its matches, notes and history."""
    from hashmatch.cases import show_details, view_case
    from hashmatch.uploaders import open_sealer

    with app.database() as database:
        with database.reading() as session:
            facts = view_case(session, case)
        if details:
            with database.writing() as session:
                found = show_details(session, open_sealer(app.settings), case, "command line")
            facts["details"] = None if found is None else found.as_json()
    if as_json:
        print_json(facts)
        return
    parts = {name: facts.pop(name) for name in _PARTS}
    print_facts(f"Case {case}", facts)
    for name, rows in parts.items():
        if rows:
            columns = tuple(dict.fromkeys(key for row in rows for key in row))
            cells = [tuple(row.get(key) for key in columns) for row in rows]
            print_table(name.capitalize(), columns, cells)
