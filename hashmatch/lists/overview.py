"""What there is to say of each list, as programs get it: by the command line and by HTTP."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ALLOW,
    FAILED,
    QUARANTINED,
    Quarantine,
    SyncFacts,
    count_active_entries,
    count_kept,
    count_operator_withdrawals,
    read_lists,
    read_newest_runs,
    read_quarantines,
)
from hashmatch.store.schema import utc_now


def list_facts(database: Database) -> list[dict[str, Any]]:
    """Return what there is to say of each list, as programs get it."""
    with database.reading() as session:
        lists = (*read_lists(session), *read_lists(session, ALLOW))
        entries: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for name, algorithm, number in count_active_entries(session):
            entries[name][algorithm] = number
        withdrawn = count_operator_withdrawals(session)
        kept = count_kept(session)
        runs = read_newest_runs(session)
        held_back = read_quarantines(session)
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
            "held_back": _held_back(held_back.get(one.name)),
        }
        for one in lists
    ]


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


def _held_back(found: Quarantine | None) -> dict[str, Any] | None:
    if found is None or found.rejected_at is not None:
        return None
    counts = found.counts
    return {
        "number": found.number,
        "reason": found.reason,
        "added": counts.added,
        "withdrawn": counts.withdrawn,
        "changed": counts.changed,
    }
