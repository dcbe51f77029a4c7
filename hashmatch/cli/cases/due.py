"""`hashmatch cases due`."""

from __future__ import annotations

import click

from ..context import App, json_option, limit_option, pass_app
from ..output import print_json, print_table, say


@click.command("due")
@click.option("--overdue", is_flag=True, help="Only those past their due time.")
@limit_option
@json_option
@pass_app
def command(app: App, limit: int, *, overdue: bool, as_json: bool) -> None:
    """Show open deadlines and appeals, those that are due first, first."""
    from hashmatch.cases import due_facts
    from hashmatch.store.duties import read_open_appeals, read_open_deadlines
    from hashmatch.store.schema import utc_now

    before = utc_now() if overdue else None
    with app.database() as database, database.reading() as session:
        deadlines = read_open_deadlines(session, before=before, limit=limit)
        appeals = read_open_appeals(session, before=before, limit=limit)
    rows = [
        {"kind": kind, **due_facts(one)}
        for kind, found in (("deadline", deadlines), ("appeal", appeals))
        for one in found
    ]
    rows.sort(key=lambda row: str(row["due_at"]))
    if as_json:
        for row in rows[:limit]:
            print_json(row)
        return
    if not rows:
        say("nothing is owed: no deadline or appeal is open")
        return
    names = tuple(rows[0])
    print_table("Due", names, [tuple(row[name] for name in names) for row in rows[:limit]])
