"""Entries that flood: they match more content items in a day than the operator expects.

One cause is a hash that collides with harmless pictures; another is somebody who uploads many
variants of one picture. So nothing changes by itself, and a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache

from sqlalchemy import ColumnElement, bindparam, case, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from ..engine import as_table, audit, insert_rows, is_sqlite, upsert_into
from ..lists import ListedHash, are_listed, find_list, shown_entry_id
from ..schema import Case, Content, Entry, EntryActivity, HashList, MatchRecord, utc_now

_KEYS_A_QUERY = 10_000
_TABLE, _ENTRIES = as_table(EntryActivity), as_table(Entry)


class FloodAction(StrEnum):
    """Decision about an entry that floods: matches as before, for review, or no more."""

    KEEP = "keep"
    REVIEW = "review"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True)
class FloodingEntry:
    """An entry that matched too many content items in one day. `entry_id` is as people see it."""

    list_name: str
    entry_key: int
    entry_id: str
    algorithm: str
    contents: int
    day: date
    since: datetime
    action: str = ""


def count_contents(
    session: Session, entries: Mapping[int, tuple[int, int]], today: date
) -> dict[int, tuple[int, bool]]:
    """Count content items of today that entries matched for the first time.

    `entries` gives for each entry the key of its list and the number. Returns by entry the number
    so far, and whether it was noticed as flooding today already. Call it once in a transaction, and
    last: in one order, two transactions never wait for each other's rows.
    """
    rows = [
        {"entry_key": key, "list_key": list_key, "day": today, "contents": number}
        for key, (list_key, number) in sorted(entries.items())
    ]
    return {
        key: (contents, flooded_on == today)
        for key, contents, flooded_on in insert_rows(
            session, _count(is_sqlite=is_sqlite(session)), rows
        )
    }


@cache
def _count(*, is_sqlite: bool) -> ReturningInsert[int, int, date | None]:
    new = upsert_into(_TABLE, is_sqlite=is_sqlite)
    known = _TABLE.c
    is_same_day = known.day == new.excluded.day
    return new.on_conflict_do_update(
        index_elements=["entry_key"],
        set_={
            "contents": case(
                (is_same_day, known.contents + new.excluded.contents),
                else_=new.excluded.contents,
            ),
            "day": new.excluded.day,
        },
    ).returning(known.entry_key, known.contents, known.flooded_on)


def note_flooding(session: Session, keys: Sequence[int], today: date) -> list[FloodingEntry]:
    """Record that entries flood today; what a person set before stays in force.

    Entries that are no longer there are not among those returned.
    """
    since = func.coalesce(EntryActivity.flooding_since, utc_now())
    floods = EntryActivity.entry_key == bindparam("flooding_key")
    session.execute(
        _TABLE.update().where(floods).values(flooded_on=today, flooding_since=since),
        [{"flooding_key": key} for key in sorted(keys)],
    )
    found = [
        one
        for start in range(0, len(keys), _KEYS_A_QUERY)
        for one in _read(session, EntryActivity.entry_key.in_(keys[start : start + _KEYS_A_QUERY]))
    ]
    for one in found:
        facts = {"list": one.list_name, "entry": one.entry_key, "contents": one.contents}
        audit(session, "entry.flooding", None, facts)
    return found


def read_flooding(session: Session, list_name: str | None = None) -> list[FloodingEntry]:
    """Return the entries that flood or did, the undecided first.

    An entry that left its list is among them only where somebody decided about it.
    """
    is_there = are_listed() | (EntryActivity.action != "")
    condition: ColumnElement[bool] = EntryActivity.flooding_since.is_not(None) & is_there
    if list_name is not None:
        condition &= EntryActivity.list_key == find_list(session, list_name).key
    return _read(session, condition)


def count_cases_of(session: Session, entry_key: int, states: Sequence[str]) -> int:
    """Return the number of cases of an entry that are in one of the states."""
    query = (
        select(func.count())
        .select_from(MatchRecord)
        .join(Content, Content.key == MatchRecord.content_key)
        .join(Case, Case.content_id == Content.content_id)
        .where(
            MatchRecord.entry_key == entry_key,
            Case.state.in_(states),
        )
    )
    return session.scalar(query) or 0


def read_for_review(session: Session) -> frozenset[ListedHash]:
    """Return the hashes of lists that a person set to be reviewed.

    All entries that share one are, since a match names any of them; and an entry that was withdrawn
    and came back is another row with the same hash.
    """
    return frozenset((row[0], row[1], row[2]) for row in session.execute(_FOR_REVIEW))


_FOR_REVIEW = (
    select(_ENTRIES.c.list_key, _ENTRIES.c.algorithm, _ENTRIES.c.value)
    .select_from(_TABLE.join(_ENTRIES, _TABLE.c.entry_key == _ENTRIES.c.key))
    # The first condition has an index; the table grows with every entry that ever matched.
    .where(_TABLE.c.flooding_since.is_not(None), _TABLE.c.action == FloodAction.REVIEW.value)
)


def set_flood_action(
    session: Session, entries: Sequence[FloodingEntry], action: FloodAction, actor: str
) -> None:
    """Set what matches of entries of one list that flood lead to."""
    keys = [one.entry_key for one in entries]
    session.execute(
        update(EntryActivity)
        .where(EntryActivity.entry_key.in_(keys))
        .values(action=action.value, decided_by=actor, decided_at=utc_now())
    )
    for one in entries:
        facts = {"list": one.list_name, "entry": one.entry_key, "action": action, "actor": actor}
        audit(session, "entry.set", None, facts)


def _read(session: Session, condition: ColumnElement[bool]) -> list[FloodingEntry]:
    query = (
        select(EntryActivity, HashList.name, Entry.entry_id, Entry.algorithm)
        .join(HashList, HashList.key == EntryActivity.list_key)
        .join(Entry, Entry.key == EntryActivity.entry_key)
        .where(condition, HashList.removed_at.is_(None))
        .order_by(EntryActivity.action != "", EntryActivity.flooding_since)
    )
    return [
        FloodingEntry(
            name,
            row.entry_key,
            shown_entry_id(entry_id, row.entry_key),
            algorithm,
            row.contents,
            row.day,
            row.flooding_since or utc_now(),
            row.action,
        )
        for row, name, entry_id, algorithm in session.execute(query)
    ]
