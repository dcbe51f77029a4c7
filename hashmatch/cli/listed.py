"""What `hashmatch lists status` tells of the lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hashmatch.store import (
    ALLOW,
    FAILED,
    MATCH,
    QUARANTINED,
    Database,
    SyncFacts,
    count_active_entries,
    count_kept,
    count_operator_withdrawals,
    read_lists,
    read_newest_runs,
    utc_now,
)

from .imported import numbered
from .output import print_table, say


def list_rows(database: Database) -> list[dict[str, Any]]:
    """Return what there is to say of each list, as programs get it."""
    with database.reading() as session:
        lists = (*read_lists(session), *read_lists(session, ALLOW))
        entries: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for name, algorithm, number in count_active_entries(session):
            entries[name][algorithm] = number
        withdrawn = count_operator_withdrawals(session)
        kept = count_kept(session)
        runs = read_newest_runs(session)
    today = utc_now().date()
    return [
        {
            "list": one.name,
            "kind": one.kind,
            "licensor": one.licensor,
            "licence_end": None if one.licence_end is None else str(one.licence_end),
            "licence_has_ended": one.licence_has_ended(today),
            "licence_ends_soon": one.licence_ends_soon(today),
            "generation": one.generation,
            "changed_at": one.changed_at.isoformat(timespec="seconds"),
            "entries": entries[one.name],
            "kept": kept.get(one.name, {}),
            "withdrawn_by_operator": withdrawn.get(one.name, 0),
            "sync": _sync(runs.get(one.name, ())),
        }
        for one in lists
    ]


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


def _sync(runs: Sequence[SyncFacts]) -> dict[str, str | None] | None:
    if not runs:
        return None
    last = runs[0]
    succeeded = [run for run in runs if run.outcome not in (FAILED, QUARANTINED)]
    return {
        "outcome": last.outcome,
        "ended_at": last.ended_at.isoformat(timespec="seconds"),
        "succeeded_at": succeeded[0].ended_at.isoformat(timespec="seconds") if succeeded else None,
        "cause": last.cause,
    }


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
