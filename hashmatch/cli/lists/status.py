"""`hashmatch lists status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from hashmatch.lists import list_facts
from hashmatch.store.lists import ALLOW, OWN, QUARANTINED

from ..context import App, json_option, pass_app
from ..output import numbered, print_json, print_table, say

_KINDS = {ALLOW: " (allow list)", OWN: " (own list)"}


@click.command("status")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Show every list with its licence, entries and last sync."""
    with app.database() as database:
        rows = list_facts(database)
    if as_json:
        for row in rows:
            print_json(row)
    else:
        _show(rows)


def _show(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        say("there is no list yet; next: hashmatch lists import NAME FILE.csv")
        return
    flooding = [(row["list"], one) for row in rows for one in row["flooding"] if not one["set_to"]]
    for name, one in flooding:
        say(
            f"list {name}: entry {one['entry_id']} floods: {one['contents']} content items on"
            f" {one['day']}; see 'hashmatch lists flooding'"
        )
    columns = (
        "list",
        "licensor",
        "licence ends",
        "generation",
        "changed_at",
        "entries",
        "unsupported",
        "disabled",
        "last sync",
        "synced_at",
    )
    print_table("Lists", columns, [_shown(row) for row in rows])
    for row in rows:
        if row["sync"] and row["sync"]["cause"]:
            is_quarantined = row["sync"]["outcome"] == QUARANTINED
            words = "a delivery is quarantined" if is_quarantined else "the last sync failed"
            say(f"list {row['list']}: {words}: {row['sync']['cause']}")


def _shown(row: dict[str, Any]) -> tuple[object, ...]:
    sync = row["sync"]
    return (
        f"{row['list']}{_KINDS.get(row['kind'], '')}",
        row["licensor"],
        f"{row['licence_end'] or 'no end'}{_urgency(row)}",
        row["generation"],
        row["changed_at"],
        numbered(row["entries"]) or "none",
        numbered(row["unsupported"]),
        row["disabled"],
        sync["outcome"] if sync else "",
        sync["ended_at"] if sync else None,
    )


def _urgency(row: dict[str, Any]) -> str:
    return " ENDED" if row["licence_has_ended"] else " SOON" if row["licence_ends_soon"] else ""
