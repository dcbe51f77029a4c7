"""`hashmatch notices list`."""

from __future__ import annotations

import click

from ..choices import NOTICE_STATES
from ..context import App, json_option, limit_option, pass_app
from ..output import print_json, print_table, say

_COLUMNS = ("request_id", "reference", "state", "due_at", "overdue", "received_at", "missing")


@click.command("list")
@click.option(
    "--state",
    "states",
    type=click.Choice(NOTICE_STATES),
    multiple=True,
    help="Only notices in this state; repeatable.  [default: valid and incomplete]",
)
@click.option("--all", "is_all", is_flag=True, help="Notices in every state.")
@click.option("--overdue", is_flag=True, help="Only notices past their due time.")
@click.option("--content-id", help="Only notices that name this content item, in every state.")
@limit_option
@json_option
@pass_app
def command(
    app: App,
    states: tuple[str, ...],
    content_id: str | None,
    limit: int,
    *,
    is_all: bool,
    overdue: bool,
    as_json: bool,
) -> None:
    """Show the register: what is due next first, then what lacks a part."""
    from hashmatch.notices import notice_row
    from hashmatch.store.notices import CLOSED, WAITING, NoticeFilter, read_notice_page
    from hashmatch.store.schema import NoticeState, utc_now

    now, every = utc_now(), (*WAITING, *CLOSED)
    chosen = tuple(map(NoticeState, states))
    wanted = NoticeFilter(
        states=chosen or (every if is_all or content_id is not None else WAITING),
        content_id=content_id,
        due_before=now if overdue else None,
        limit=limit,
    )
    with app.database() as database, database.reading() as session:
        page = read_notice_page(session, wanted)
        rows = [notice_row(one, app.settings.notices, now) for one in page.notices]
    if as_json:
        for row in rows:
            print_json(row)
        return
    if rows:
        print_table("Notices", _COLUMNS, [_cells(row) for row in rows])
    else:
        say("no notice waits" if wanted == NoticeFilter(limit=limit) else "no notice fits")
    if page.following is not None:
        say(f"there are more than these {limit}; see --limit")


def _cells(row: dict[str, object]) -> tuple[object, ...]:
    missing = row["missing"]
    shown = {
        **row,
        "overdue": "OVERDUE" if row["is_overdue"] else "",
        "missing": ", ".join(missing) if isinstance(missing, list) else "",
    }
    return tuple(shown[name] for name in _COLUMNS)
