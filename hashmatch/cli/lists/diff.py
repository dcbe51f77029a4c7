"""`hashmatch lists diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..context import App, json_option, pass_app
from ..output import print_facts, print_json, print_table, say
from .options import name_argument

if TYPE_CHECKING:
    from hashmatch.lists import QuarantineView


@click.command("diff")
@name_argument
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, help="Maximum number of entries to show."
)
@json_option
@pass_app
def command(app: App, name: str, limit: int, *, as_json: bool) -> None:
    """Show the quarantined delivery of a list.

    It lists the changes that accepting it would make.
    """
    from hashmatch.lists import view_quarantine

    with app.database() as database:
        view = view_quarantine(database, name, limit=limit)
    _show(name, view, as_json=as_json)


def _show(name: str, view: QuarantineView, *, as_json: bool) -> None:
    delivery, counts = view.quarantine, view.quarantine.counts
    facts = {
        "list": name,
        "delivery": delivery.number,
        "reason": delivery.reason,
        "source": delivery.source,
        "since": delivery.created_at.isoformat(timespec="seconds"),
        "rejected_at": delivery.rejected_at and delivery.rejected_at.isoformat(timespec="seconds"),
        "added": counts.added,
        "withdrawn": counts.withdrawn,
        "changed": counts.changed,
    }
    rows = [(one.kind, one.algorithm, one.entry_id, one.category) for one in view.differences]
    columns = ("change", "algorithm", "entry_id", "category")
    if as_json:
        print_json(facts)
        for row in rows:
            print_json(dict(zip(columns, row, strict=True)))
        return
    print_facts(f"Quarantined delivery of list {name}", {**facts, "since": delivery.created_at})
    if rows:
        print_table("Changes that it would make", columns, rows)
    if len(rows) < counts.added + counts.withdrawn and not delivery.rejected_at:
        say(f"{len(rows)} of {counts.added + counts.withdrawn} changes; --limit shows more")
    if delivery.rejected_at:
        say("this delivery was rejected; the list waits for another one")
    else:
        say(
            f"to accept it: hashmatch lists accept {name} {delivery.number}\n"
            f"to reject it: hashmatch lists reject {name} {delivery.number}"
        )
