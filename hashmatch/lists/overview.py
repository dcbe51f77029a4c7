"""Overview of all lists and allow lists, for the command line and HTTP."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hashmatch.policy import Policy
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ALLOW,
    FAILED,
    QUARANTINED,
    TERMS,
    Quarantine,
    SyncFacts,
    count_active_entries,
    count_degenerate,
    count_disabled,
    count_unsupported,
    read_lists,
    read_newest_runs,
    read_quarantines,
)
from hashmatch.store.lookups import LimitedEntry, read_limited_entries
from hashmatch.store.matches import FloodingEntry, read_flooding
from hashmatch.store.schema import utc_now

from .flooding import flooding_facts
from .reach import AlgorithmReach, ListReach, reach_of_list


def list_facts(database: Database, policy: Policy) -> list[dict[str, Any]]:
    """Return the state of each list: licence, entries, last sync and quarantined delivery.

    The policy says which of its hashes are matched, and how many false matches to expect.
    """
    with database.reading() as session:
        lists = (*read_lists(session), *read_lists(session, ALLOW, TERMS))
        entries: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for name, algorithm, number in count_active_entries(session):
            entries[name][algorithm] = number
        reaches = {
            one.name: reach_of_list(session, policy, one, entries[one.name])
            for one in lists
            if one.kind not in (ALLOW, TERMS)
        }
        disabled = count_disabled(session)
        unsupported = count_unsupported(session)
        degenerate = count_degenerate(session)
        runs = read_newest_runs(session)
        quarantined = read_quarantines(session)
        limited = defaultdict[str, list[LimitedEntry]](list)
        for one_limited in read_limited_entries(session):
            limited[one_limited.list_name].append(one_limited)
        flooding = defaultdict[str, list[FloodingEntry]](list)
        for entry in read_flooding(session):
            flooding[entry.list_name].append(entry)
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
            **_reach(reaches.get(one.name)),
            "unsupported": unsupported.get(one.name, {}),
            "degenerate": degenerate.get(one.name, {}),
            "disabled": disabled.get(one.name, 0),
            "sync": _sync(runs.get(one.name, ())),
            "quarantined": _quarantined(quarantined.get(one.name)),
            "flooding": [flooding_facts(entry) for entry in flooding[one.name]],
            "limited": [_limited(entry) for entry in limited[one.name]],
        }
        for one in lists
    ]


def _limited(entry: LimitedEntry) -> dict[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "algorithm": entry.algorithm,
        "day": entry.day.isoformat(),
        "lookups": entry.lookups,
        "since": entry.since.isoformat(timespec="seconds"),
    }


def _reach(found: ListReach | None) -> dict[str, Any]:
    if found is None:  # An allow list matches nothing itself, and terms match no image.
        return {"not_matched": {}, "entries_not_matched": 0, "forecast": {}}
    return {
        "not_matched": dict(found.not_matched),
        "entries_not_matched": found.entries_not_matched,
        "forecast": {name: _forecast(one) for name, one in found.perceptual.items()},
    }


def _forecast(one: AlgorithmReach) -> dict[str, Any]:
    found, near = one.forecast, one.near_forecast
    return {
        "threshold_bits": one.threshold_bits,
        "false_matches_per_million": None if found is None else found.false_matches,
        "is_extrapolated": found is not None and found.is_extrapolated,
        "review_bits": one.review_bits,
        "false_near_per_million": None if near is None else near.false_matches,
        "is_near_extrapolated": near is not None and near.is_extrapolated,
    }


def _sync(runs: Sequence[SyncFacts]) -> dict[str, str | None] | None:
    if not runs:
        return None
    # The newest attempt comes first, then the newest success where that is an older one.
    last = runs[0]
    succeeded = [run for run in runs if run.outcome not in (FAILED, QUARANTINED)]
    return {
        "outcome": last.outcome,
        "ended_at": last.ended_at.isoformat(timespec="seconds"),
        "succeeded_at": succeeded[0].ended_at.isoformat(timespec="seconds") if succeeded else None,
        "cause": last.cause,
    }


def _quarantined(found: Quarantine | None) -> dict[str, Any] | None:
    # A rejected delivery is only remembered so that it is not quarantined again.
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
