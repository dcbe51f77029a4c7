"""Entries that flood: they match more content items in a day than the operator expects.

One cause is a hash that collides with harmless pictures; another is somebody who uploads many
variants of one picture. So nothing changes by itself, and a person decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import Session

from ..engine import audit, upsert
from ..lists import are_listed, find_list, shown_entry_id
from ..schema import Case, Entry, EntryActivity, HashList, MatchRecord, utc_now

_KEYS_A_QUERY = 500


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
    new = upsert(session, EntryActivity)
    is_same_day = EntryActivity.day == new.excluded.day
    counted = new.on_conflict_do_update(
        index_elements=["entry_key"],
        set_={
            "contents": case(
                (is_same_day, EntryActivity.contents + new.excluded.contents),
                else_=new.excluded.contents,
            ),
            "day": new.excluded.day,
        },
    ).returning(EntryActivity.entry_key, EntryActivity.contents, EntryActivity.flooded_on)
    return {
        key: (contents, flooded_on == today)
        for key, contents, flooded_on in session.execute(counted, rows)
    }


def note_flooding(session: Session, entry_key: int, today: date) -> FloodingEntry | None:
    """Record that an entry floods today; what a person set before stays in force.

    Returns None for an entry that is no longer there.
    """
    session.execute(
        update(EntryActivity)
        .where(EntryActivity.entry_key == entry_key)
        .values(
            flooded_on=today,
            flooding_since=func.coalesce(EntryActivity.flooding_since, utc_now()),
        )
    )
    found = next(iter(_read(session, EntryActivity.entry_key == entry_key)), None)
    if found is not None:
        facts = {"list": found.list_name, "entry": entry_key, "contents": found.contents}
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
        .join(Case, Case.content_key == MatchRecord.content_key)
        .where(
            MatchRecord.entry_key == entry_key,
            Case.state.in_(states),
        )
    )
    return session.scalar(query) or 0


def read_for_review(session: Session, keys: Collection[int]) -> frozenset[int]:
    """Return those of the entries whose hashes a person set to be reviewed.

    An entry that was withdrawn and came back is another row with the same hash.
    """
    identity = (Entry.list_key, Entry.algorithm, Entry.value, Entry.entry_id)
    chosen = (
        select(*identity)
        .join(EntryActivity, EntryActivity.entry_key == Entry.key)
        # The first condition has an index; the table grows with every entry that ever matched.
        .where(
            EntryActivity.flooding_since.is_not(None), EntryActivity.action == FloodAction.REVIEW
        )
    )
    wanted = {tuple(row) for row in session.execute(chosen)}
    found = set[int]()
    ordered = sorted(keys) if wanted else []
    for start in range(0, len(ordered), _KEYS_A_QUERY):
        some = Entry.key.in_(ordered[start : start + _KEYS_A_QUERY])
        for key, *rest in session.execute(select(Entry.key, *identity).where(some)):
            if tuple(rest) in wanted:
                found.add(key)
    return frozenset(found)


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
