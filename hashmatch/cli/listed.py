"""What `hashmatch lists status` tells of the lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hashmatch.store.lists import MATCH, QUARANTINED

from .imported import numbered
from .output import print_table, say


def show_lists(rows: Sequence[dict[str, Any]]) -> None:
    """Show it to people."""
    columns = (
        "list",
        "licensor",
        "licence ends",
        "gen.",
        "changed",
        "entries",
        "kept, not matched",
        "held out",
        "last sync",
    )
    print_table("Lists", columns, [_shown(row) for row in rows])
    for row in rows:
        if row["sync"] and row["sync"]["cause"]:
            held = row["sync"]["outcome"] == QUARANTINED
            words = "what its source sent is held back" if held else "the last sync failed"
            say(f"list {row['list']}: {words}: {row['sync']['cause']}")
    if not rows:
        say("there is no list yet; next: hashmatch lists import NAME FILE.csv")


def _shown(row: dict[str, Any]) -> tuple[object, ...]:
    sync = row["sync"]
    return (
        row["list"] if row["kind"] == MATCH else f"{row['list']} (allow list)",
        row["licensor"],
        f"{row['licence_end'] or 'no end'}{_urgency(row)}",
        row["generation"],
        _minute(row["changed_at"]),
        numbered(row["entries"]) or "none",
        numbered(row["kept"]),
        row["withdrawn_by_operator"],
        f"{sync['outcome']}, {_minute(sync['ended_at'])}" if sync else "",
    )


def _urgency(row: dict[str, Any]) -> str:
    return " ENDED" if row["licence_has_ended"] else " SOON" if row["licence_ends_soon"] else ""


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"
