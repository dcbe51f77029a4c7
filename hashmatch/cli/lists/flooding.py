"""`hashmatch lists flooding`."""

from __future__ import annotations

import click

from ..choices import FLOOD_ACTIONS
from ..context import App, json_option, pass_app
from ..index_updates import update_index
from ..output import print_json, print_table, say


@click.command("flooding")
@click.argument("name", required=False)
@click.argument("entry_id", required=False)
@click.option(
    "--set",
    "action",
    type=click.Choice(FLOOD_ACTIONS),
    help="What near copies lead to from now on; exact copies go on as before.",
)
@click.option("--by", "actor", default="", help="Who decided it.")
@json_option
@pass_app
def command(
    app: App,
    name: str | None,
    entry_id: str | None,
    action: str | None,
    actor: str,
    *,
    as_json: bool,
) -> None:
    """Show entries that match too much, and decide about one.

    An entry floods that matches more content items in a day than guards.max_contents_per_entry.
    Nothing changes by itself. ENTRY_ID is as 'lists flooding' shows it.
    """
    from hashmatch.cases import PENDING
    from hashmatch.lists import decide_flooding, flooding_facts
    from hashmatch.store.matches import FloodAction, count_cases_of, read_flooding

    if (action is None) is not (entry_id is None):
        raise click.UsageError("NAME, ENTRY_ID and --set belong together.")
    with app.database() as database:
        if name is not None and entry_id is not None and action is not None:
            chosen = FloodAction(action)
            decide_flooding(database, name, entry_id, chosen, actor or "command line")
            update_index(app, database)
            say(f"list {name}: entry {entry_id}: near copies: {action}")
            return
        with database.reading() as session:
            rows = [
                {
                    "list": one.list_name,
                    **flooding_facts(one),
                    "cases": count_cases_of(session, one.entry_key, PENDING),
                }
                for one in read_flooding(session, name)
            ]
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        print_table("Flooding entries", tuple(rows[0]), [tuple(row.values()) for row in rows])
        say("'hashmatch cases list --entry LIST/ENTRY' shows the cases of one")
    else:
        say("no entry floods")
