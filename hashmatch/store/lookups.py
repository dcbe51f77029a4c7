"""Look-ups by near-equal hashes: counted in the store, over all processes and tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from .engine import audit, is_sqlite
from .lists import shown_entry_id
from .schema import Entry, HashList, LookupAnchor, NearLookup, utc_now

# What reached the limit is shown for so long.
DAYS_SHOWN = 7
_REMOVED_A_TURN = 100
_KEYS_A_QUERY = 500
# The lock of those who make an anchor; others have other numbers.
_ANCHORS_LOCK = 0x686D03


@dataclass(frozen=True, slots=True)
class Anchor:
    """A hash of one day about which look-ups count, and the entry that it was near."""

    key: int
    algorithm: str
    value: bytes


@dataclass(frozen=True, slots=True)
class NewAnchor:
    """An anchor that is about to be made."""

    algorithm: str
    value: bytes
    list_key: int
    entry_key: int


@dataclass(frozen=True, slots=True)
class LimitedEntry:
    """An entry about which look-ups by near-equal hashes reached the limit of a day."""

    anchor_key: int
    list_name: str
    entry_id: str
    algorithm: str
    lookups: int
    day: date
    since: datetime


def read_anchors(session: Session, day: date, after: int = 0) -> list[Anchor]:
    """Return the anchors of a UTC day with keys above `after`, in their order."""
    query = (
        select(LookupAnchor.key, LookupAnchor.algorithm, LookupAnchor.value)
        .where(LookupAnchor.day == day, LookupAnchor.key > after)
        .order_by(LookupAnchor.key)
    )
    return [Anchor(*row) for row in session.execute(query)]


def lock_new_anchors(session: Session) -> None:
    """Let nobody else make an anchor until this transaction ends.

    Two that did not see each other would each answer as much as one may.
    """
    if not is_sqlite(session):  # Which has one writer anyway.
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ANCHORS_LOCK})


def add_anchors(session: Session, day: date, new: Sequence[NewAnchor]) -> list[Anchor]:
    """Store anchors, in the order given; some that are older than a week are removed."""
    if not new:
        return []
    remove_old_anchors(session, day - timedelta(days=DAYS_SHOWN), limit=_REMOVED_A_TURN)
    rows = [
        {
            "day": day,
            "algorithm": one.algorithm,
            "value": one.value,
            "list_key": one.list_key,
            "entry_key": one.entry_key,
            "lookups": 0,
        }
        for one in new
    ]
    added = insert(LookupAnchor).returning(LookupAnchor.key, sort_by_parameter_order=True)
    keys = session.scalars(added, rows).all()
    return [Anchor(key, one.algorithm, one.value) for key, one in zip(keys, new, strict=True)]


def count_old_anchors(session: Session, before: date) -> int:
    """Return the number of anchors of days before a day."""
    return session.scalar(select(func.count()).where(LookupAnchor.day < before)) or 0


def remove_old_anchors(session: Session, before: date, *, limit: int) -> int:
    """Remove some of these anchors, with what was looked up about them; returns their number."""
    old = select(LookupAnchor.key).where(LookupAnchor.day < before).order_by(LookupAnchor.day)
    keys = session.scalars(old.limit(limit).with_for_update(skip_locked=True)).all()
    if keys:
        session.execute(delete(NearLookup).where(NearLookup.anchor_key.in_(keys)))
        session.execute(delete(LookupAnchor).where(LookupAnchor.key.in_(keys)))
    return len(keys)


def count_lookups(
    session: Session, wanted: dict[int, Sequence[bytes]], limit: int
) -> tuple[dict[int, set[bytes]], list[LimitedEntry]]:
    """Count values that were looked up about each anchor, by key, and return those past the limit.

    A value that was answered today already is answered again, and not counted. Returns the values
    that may not be answered, by anchor, and the entries that reached the limit just now.
    """
    counts = _lock_counts(session, wanted)
    answered = _read_answered(session, wanted)
    refused: dict[int, set[bytes]] = {}
    new: list[dict[str, object]] = []
    for key, (lookups, _) in counts.items():
        asked = [one for one in dict.fromkeys(wanted[key]) if (key, one) not in answered]
        room = max(limit - lookups, 0)
        new += [{"anchor_key": key, "value": one} for one in asked[:room]]
        counts[key] = (lookups + len(asked[:room]), counts[key][1])
        if asked[room:]:
            refused[key] = set(asked[room:])
    if new:
        session.execute(insert(NearLookup), new)
    reached = [key for key in refused if counts[key][1] is None]
    _save_counts(session, {key: lookups for key, (lookups, _) in counts.items()}, reached)
    return refused, _note_limited(session, reached)


def read_limited_entries(session: Session) -> list[LimitedEntry]:
    """Return the entries that reached the limit in the last days, newest first."""
    since = utc_now() - timedelta(days=DAYS_SHOWN)
    return _read_limited(session, LookupAnchor.limited_at >= since)


def _lock_counts(session: Session, keys: Iterable[int]) -> dict[int, tuple[int, datetime | None]]:
    """Return the number of look-ups about anchors and when they were limited, locked in order."""
    query = (
        select(LookupAnchor.key, LookupAnchor.lookups, LookupAnchor.limited_at)
        .where(LookupAnchor.key.in_(sorted(keys)))
        .order_by(LookupAnchor.key)
        .with_for_update()
    )
    return {key: (lookups, at) for key, lookups, at in session.execute(query)}


def _read_answered(session: Session, wanted: dict[int, Sequence[bytes]]) -> set[tuple[int, bytes]]:
    values = sorted({one for some in wanted.values() for one in some})
    found = set[tuple[int, bytes]]()
    for start in range(0, len(values), _KEYS_A_QUERY):
        query = select(NearLookup.anchor_key, NearLookup.value).where(
            NearLookup.anchor_key.in_(sorted(wanted)),
            NearLookup.value.in_(values[start : start + _KEYS_A_QUERY]),
        )
        found.update((key, value) for key, value in session.execute(query))
    return found


def _save_counts(session: Session, counts: dict[int, int], reached: Sequence[int]) -> None:
    rows = [{"key": key, "lookups": lookups} for key, lookups in counts.items()]
    if rows:
        session.execute(update(LookupAnchor), rows)
    if reached:
        limited = update(LookupAnchor).where(LookupAnchor.key.in_(reached))
        session.execute(limited.values(limited_at=utc_now()))


def _note_limited(session: Session, keys: Sequence[int]) -> list[LimitedEntry]:
    found = _read_limited(session, LookupAnchor.key.in_(keys)) if keys else []
    for one in found:
        facts = {"list": one.list_name, "entry_id": one.entry_id, "lookups": one.lookups}
        audit(session, "entry.limited", None, facts)
    return found


def _read_limited(session: Session, condition: object) -> list[LimitedEntry]:
    query = (
        select(LookupAnchor, HashList.name, func.coalesce(Entry.entry_id, ""))
        .join(HashList, HashList.key == LookupAnchor.list_key)
        .outerjoin(Entry, Entry.key == LookupAnchor.entry_key)
        .where(condition)  # type: ignore[arg-type]
        .order_by(LookupAnchor.limited_at.desc(), LookupAnchor.key)
    )
    return [
        LimitedEntry(
            row.key,
            name,
            shown_entry_id(entry_id, row.entry_key),
            row.algorithm,
            row.lookups,
            row.day,
            row.limited_at or utc_now(),
        )
        for row, name, entry_id in session.execute(query)
    ]
