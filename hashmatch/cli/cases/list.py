"""`hashmatch cases list`."""

from __future__ import annotations

import click

from ..choices import CASE_STATES
from ..context import App, json_option, limit_option, pass_app
from ..output import print_json, print_table, say


@click.command("list")
@click.option(
    "--state",
    "states",
    type=click.Choice(CASE_STATES),
    multiple=True,
    help="Only cases in this state; repeatable.  [default: open, in review and confirmed]",
)
@click.option("--all", "is_all", is_flag=True, help="Cases in every state.")
@click.option("--assignee", help="Only cases assigned to this person.")
@click.option("--overdue", is_flag=True, help="Only cases past their due time.")
@click.option("--content-id", help="Only cases of this content item.")
@click.option("--list", "list_name", help="Only cases that match this list.")
@click.option("--entry", help="Only cases that match one entry: LIST/ENTRY_ID.")
@limit_option
@json_option
@pass_app
def command(
    app: App,
    states: tuple[str, ...],
    assignee: str | None,
    content_id: str | None,
    list_name: str | None,
    entry: str | None,
    limit: int,
    *,
    is_all: bool,
    overdue: bool,
    as_json: bool,
) -> None:
    """Show the queue: most urgent first, then by due time."""
    from hashmatch.cases import PENDING, case_row
    from hashmatch.store.cases import CaseFilter
    from hashmatch.store.queue import read_cases
    from hashmatch.store.schema import utc_now

    entry_id: str | None = None
    if entry is not None:
        list_name, separator, entry_id = entry.partition("/")
        if not separator:
            raise click.UsageError("--entry is LIST/ENTRY_ID, as 'lists flooding' shows them.")
    wanted = CaseFilter(
        states=() if is_all else states or PENDING,
        assignee=assignee,
        due_before=utc_now() if overdue else None,
        content_id=content_id,
        list_name=list_name,
        entry_id=entry_id,
        limit=limit,
    )
    with app.database() as database, database.reading() as session:
        rows = [case_row(one) for one in read_cases(session, wanted)]
    if as_json:
        for row in rows:
            print_json(row)
        return
    names = ("case", "content_id", "state", "priority", "due_at", "assignee", "proposal")
    if rows:
        print_table("Cases", names, [tuple(row[name] for name in names) for row in rows])
    else:
        is_queue = not (states or is_all or assignee or overdue or content_id or list_name)
        say("the queue is empty: no case waits" if is_queue else "no case matches these options")
    if len(rows) == limit:
        say(f"there may be more than these {limit}; see --limit")
