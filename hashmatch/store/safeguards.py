"""Gates before generators in the store: their decisions by day, and their safeguards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .engine import BufferedCounts, Database, audit, upsert
from .schema import GateCount, SafeguardRecord, utc_now

# Day, adapter, role, verdict, and whether the picture was shown.
_Counted: TypeAlias = tuple[date, str, str, str, bool]


@dataclass(frozen=True, slots=True)
class GateTotal:
    """Number of pictures with one decision, over the days that were asked for."""

    adapter: str
    role: str
    verdict: str
    shown: bool
    count: int


@dataclass(frozen=True, slots=True)
class Safeguards:
    """Safeguards of a gate from a moment on."""

    key: int
    since: datetime
    gate: str
    facts: Mapping[str, Any]


class GateTally(BufferedCounts[_Counted]):
    """Counts of a gate's decisions, which reach the store soon."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, _add_to_store, "hashmatch-gate-counts")


def _add_to_store(session: Session, counts: Mapping[_Counted, int]) -> None:
    names = ("day", "adapter", "role", "verdict", "shown")
    new = upsert(session, GateCount)
    session.execute(
        new.on_conflict_do_update(
            index_elements=list(names), set_={"count": GateCount.count + new.excluded.count}
        ),
        [{**dict(zip(names, key, strict=True)), "count": one} for key, one in counts.items()],
    )


def read_gate_totals(
    session: Session, since: date | None = None, until: date | None = None
) -> list[GateTotal]:
    """Return the decisions on the days from `since` to before `until`."""
    named = (GateCount.adapter, GateCount.role, GateCount.verdict, GateCount.shown)
    query = select(*named, func.sum(GateCount.count)).group_by(*named).order_by(*named)
    if since is not None:
        query = query.where(GateCount.day >= since)
    if until is not None:
        query = query.where(GateCount.day < until)
    return [GateTotal(*row[:4], int(row[4])) for row in session.execute(query)]


def record_safeguards(session: Session, gate: str, facts: Mapping[str, Any]) -> bool:
    """Record the safeguards of a gate where they differ from those on record; says whether."""
    text = json.dumps(facts, sort_keys=True)
    newest = session.scalar(
        select(SafeguardRecord.facts)
        .where(SafeguardRecord.gate == gate)
        .order_by(SafeguardRecord.key.desc())
        .limit(1)
    )
    if newest == text:
        return False
    row = SafeguardRecord(recorded_at=utc_now(), gate=gate, facts=text)
    session.add(row)
    audit(session, "safeguards.recorded", row, {"gate": gate, **facts})
    return True


def read_safeguards(
    session: Session, since: datetime | None = None, until: datetime | None = None
) -> Iterator[Safeguards]:
    """Yield the safeguards that gates had in a period, oldest first, those at its begin with it."""
    query = select(SafeguardRecord).order_by(SafeguardRecord.key)
    if since is not None:
        before = (
            select(func.max(SafeguardRecord.key))
            .where(SafeguardRecord.recorded_at <= since)
            .group_by(SafeguardRecord.gate)
        )
        at_begin = list(session.scalars(before))
        query = query.where(
            (SafeguardRecord.recorded_at > since) | SafeguardRecord.key.in_(at_begin)
        )
    if until is not None:
        query = query.where(SafeguardRecord.recorded_at < until)
    for row in session.scalars(query):
        yield Safeguards(row.key, row.recorded_at, row.gate, json.loads(row.facts))
