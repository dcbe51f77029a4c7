"""Back-fills in the store: the ledger of what was planned, is under way, and is on record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

from sqlalchemy import ColumnElement, Select, delete, exists, select, tuple_, update
from sqlalchemy.orm import Session

from hashmatch.errors import ShardLostError

from .engine import affected_rows, as_table, audit, insert_rows, is_sqlite, upsert, upsert_into
from .lists import is_gone
from .matches import add_daily_counts
from .schema import Backfill, BackfillCount, BackfillResult, BackfillShard, utc_now

# A driver that crashed on another host blocks a shard for this long.
LEASE_S = 300.0
MATCHED = "matched"

# Outcome, and reason (empty for clear and matched).
Result: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PlannedTo:
    """Position in a source up to which a back-fill is divided into shards."""

    source: int
    position: str


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """Part of a source, beginning after a position and ending at one, or at its end."""

    source: int
    position: str
    until: str | None


@dataclass(frozen=True, slots=True)
class LeasedShard:
    """Shard that a holder works on, from a position on."""

    backfill_key: int
    number: int
    holder: str
    source: int
    position: str
    until: str | None


@dataclass(frozen=True, slots=True)
class BackfillState:
    """State of a back-fill; `found` counts the images that were found when it was planned.

    Where it `is_planned`, that is all of them, but for those of archives, which are counted as
    they are read. `screened` were there when it was their turn.
    """

    key: int
    sources: Sequence[str]
    started_at: datetime
    ended_at: datetime | None
    planned_to: PlannedTo
    is_planned: bool
    found: int
    screened: int
    is_abandoned: bool
    counts: Mapping[Result, int]


def open_backfill(session: Session, fingerprint: str, sources: Sequence[str]) -> tuple[int, bool]:
    """Return the key of the back-fill of these sources that goes on, and whether it is new."""
    row = session.scalar(select(Backfill).where(Backfill.fingerprint == fingerprint))
    if row is not None:
        return row.key, False
    row = Backfill(fingerprint=fingerprint, sources=json.dumps(list(sources)))
    session.add(row)
    audit(session, "backfill.started", row, {"sources": len(sources)})
    session.flush()
    return row.key, True


def read_backfill(session: Session, key: int) -> BackfillState:
    """Return the state of a back-fill."""
    return _states(session, select(Backfill).where(Backfill.key == key))[0]


def read_backfills(session: Session, *, limit: int) -> list[BackfillState]:
    """Return the newest back-fills, newest first."""
    newest = select(Backfill).order_by(Backfill.started_at.desc(), Backfill.key.desc())
    return _states(session, newest.limit(limit))


def _states(session: Session, query: Select[Backfill]) -> list[BackfillState]:
    rows = session.scalars(query).all()
    counts: dict[int, dict[Result, int]] = {row.key: {} for row in rows}
    for one in session.scalars(
        select(BackfillCount).where(BackfillCount.backfill_key.in_(list(counts)))
    ):
        counts[one.backfill_key][one.outcome, one.reason] = one.count
    return [
        BackfillState(
            row.key,
            json.loads(row.sources),
            row.started_at,
            row.ended_at,
            PlannedTo(row.planned_source, row.planned_position),
            row.is_planned,
            row.found,
            row.screened,
            row.is_abandoned,
            counts[row.key],
        )
        for row in rows
    ]


def add_shards(
    session: Session,
    key: int,
    shards: Sequence[PlannedShard],
    *,
    found: int,
    after: PlannedTo,
    planned_to: PlannedTo,
    is_planned: bool,
) -> bool:
    """Add shards in which `found` images are, and which follow what is planned.

    False, and nothing is added, where that is not `after`: somebody else has planned on.
    """
    moved = affected_rows(
        session,
        update(Backfill)
        .where(
            Backfill.key == key,
            Backfill.ended_at.is_(None),
            Backfill.is_planned.is_(False),
            Backfill.planned_source == after.source,
            Backfill.planned_position == after.position,
        )
        .values(
            planned_source=planned_to.source,
            planned_position=planned_to.position,
            is_planned=is_planned,
            found=Backfill.found + found,
            shards=Backfill.shards + len(shards),
        ),
    )
    if not moved:
        return False
    last = session.scalar(select(Backfill.shards).where(Backfill.key == key)) or 0
    session.add_all(
        BackfillShard(
            backfill_key=key,
            number=last - len(shards) + place,
            source=one.source,
            position=one.position,
            until=one.until,
        )
        for place, one in enumerate(shards)
    )
    return True


def take_shard(
    session: Session, backfill_key: int, holder: str, *, lease_s: float = LEASE_S
) -> LeasedShard | None:
    """Lease a shard that nobody works on, first one that somebody has left; None for none."""
    until = utc_now() + timedelta(seconds=lease_s)
    row = _find_left(session, backfill_key) or session.scalar(
        _open_shards(backfill_key)
        .where(BackfillShard.leased_until.is_(None))
        .order_by(BackfillShard.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    row.leased_by, row.leased_until = holder, until
    return LeasedShard(backfill_key, row.number, holder, row.source, row.position, row.until)


def _find_left(session: Session, backfill_key: int) -> BackfillShard | None:
    """Return a shard whose lease has ended, or whose holder has died, to be leased."""
    leased = _open_shards(backfill_key).where(BackfillShard.leased_until.is_not(None))
    now = utc_now()
    rows = session.scalars(leased.with_for_update(skip_locked=True))
    is_left = (row for row in rows if (row.leased_until or now) < now or is_gone(row.leased_by))
    return next(is_left, None)


def _open_shards(backfill_key: int) -> Select[BackfillShard]:
    return select(BackfillShard).where(
        BackfillShard.backfill_key == backfill_key, BackfillShard.is_done.is_(False)
    )


def release_shard(session: Session, shard: LeasedShard) -> None:
    """Let others work on a shard, from what is on record of it on."""
    session.execute(
        update(BackfillShard).where(*_own(shard)).values(leased_by="", leased_until=None)
    )


def has_open_shards(session: Session, backfill_key: int) -> bool:
    """Say whether a back-fill has shards of which not everything is on record."""
    is_open = BackfillShard.backfill_key == backfill_key, BackfillShard.is_done.is_(False)
    return bool(session.scalar(select(exists().where(*is_open))))


def record_results(
    session: Session,
    shard: LeasedShard,
    results: Mapping[bytes, Result],
    position: str,
    today: date,
    *,
    screened: int,
    is_done: bool = False,
    found: int = 0,
    lease_s: float = LEASE_S,
) -> None:
    """Record what became of images of a shard, up to a position, by their digests.

    Those that are on record already are not counted again. `screened` is how many they were, and
    `found` those of them that were not counted when the shard was planned. Raises `ShardLostError`
    where the lease has passed to another one.
    """
    until = None if is_done else utc_now() + timedelta(seconds=lease_s)
    moved = update(BackfillShard).where(*_own(shard))
    values = {"position": position, "is_done": is_done, "leased_until": until}
    if not affected_rows(session, moved.values(**values)):
        raise ShardLostError("another process works on the same part of the back-fill")
    session.execute(
        update(Backfill)
        .where(Backfill.key == shard.backfill_key)
        .values(found=Backfill.found + found, screened=Backfill.screened + screened)
    )
    if not results:
        return
    table = as_table(BackfillResult)
    rows = [{"backfill_key": shard.backfill_key, "digest": one} for one in sorted(results)]
    new = upsert_into(table, is_sqlite=is_sqlite(session)).on_conflict_do_nothing()
    added = insert_rows(session, new.returning(table.c.digest), rows)
    counts = Counter(results[bytes(digest)] for (digest,) in added)
    _add_counts(session, shard.backfill_key, counts)
    # Matches are counted by their own records.
    add_daily_counts(
        session,
        {(today, *one): number for one, number in counts.items() if one[0] != MATCHED},
    )


def _own(shard: LeasedShard) -> tuple[ColumnElement[bool], ...]:
    return (
        BackfillShard.backfill_key == shard.backfill_key,
        BackfillShard.number == shard.number,
        BackfillShard.leased_by == shard.holder,
        BackfillShard.is_done.is_(False),
    )


def _add_counts(session: Session, backfill_key: int, counts: Mapping[Result, int]) -> None:
    if not counts:
        return
    new = upsert(session, BackfillCount)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["backfill_key", "outcome", "reason"],
            set_={"count": BackfillCount.count + new.excluded.count},
        ),
        [
            {"backfill_key": backfill_key, "outcome": outcome, "reason": reason, "count": number}
            for (outcome, reason), number in sorted(counts.items())
        ],
    )


def end_backfill(session: Session, key: int, *, is_whole: bool = True) -> None:
    """Record that a back-fill has ended: everything is on record, or it was given up."""
    row = session.get(Backfill, key, with_for_update=True)
    if row is None or row.ended_at is not None:
        return
    row.ended_at, row.fingerprint, row.sources, row.planned_position = utc_now(), None, "[]", ""
    row.is_abandoned = not is_whole
    counts = read_backfill(session, key).counts
    facts: dict[str, int] = {
        " ".join(filter(None, one)): number for one, number in sorted(counts.items())
    }
    action = "backfill.ended" if is_whole else "backfill.abandoned"
    audit(session, action, row, {"found": row.found, "screened": row.screened, **facts})


def remove_leftovers(session: Session, *, limit: int) -> int:
    """Remove some of what is kept of a back-fill until it ends; return how many rows."""
    ended = select(Backfill.key).where(Backfill.ended_at.is_not(None))
    for table, name in ((BackfillResult, "digest"), (BackfillShard, "number")):
        columns = as_table(table).c
        key = columns["backfill_key"], columns[name]
        some = select(*key).where(columns["backfill_key"].in_(ended)).limit(limit)
        if rows := affected_rows(session, delete(as_table(table)).where(tuple_(*key).in_(some))):
            return rows
    return 0
