"""Own lists: entries that the operator adds, disables until a time, and withdraws.

The id of such an entry is a number, which it keeps however often it is disabled and enabled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from ..engine import affected_rows, audit
from ..schema import Entry, HashList, utc_now
from .disabled import are_disabled, disable_entries, enable_entries
from .entries import is_listed, is_named
from .figures import DISABLED, change_figures, follow_figures
from .generations import Counts, Keys, next_number, publish_generation
from .registry import OWN


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """An entry by its number, with the time until which it is disabled, if there is one.

    `is_disabled` says that it is disabled until it is enabled.
    """

    number: int
    is_disabled: bool
    disabled_until: datetime | None
    note: str


def add_entry(
    session: Session,
    row: HashList,
    values: Mapping[str, bytes],
    note: str,
    *,
    category: str = "",
    tags: Sequence[str] = (),
) -> int:
    """Add an entry with a hash of each of these algorithms to an own list; returns its number."""
    moment = utc_now().isoformat(timespec="seconds")
    entries = [
        Entry(
            list_key=row.key,
            algorithm=algorithm,
            value=value,
            category=category,
            tags=json.dumps(list(tags)),
            added_at=moment,
            note=note,
            added_generation=next_number(row),
        )
        for algorithm, value in values.items()
    ]
    session.add_all(entries)
    session.flush()
    # Keys are never given twice, so that the first is a number that no other entry has.
    number = entries[0].key
    for one in entries:
        one.entry_id = str(number)
    keys = [one.key for one in entries]
    counts, source = Counts(added=len(entries)), f"entry {number} added"
    publish_generation(session, row, counts, source=source, keys=Keys.of(keys))
    follow_figures(session, row, added=keys)
    audit(session, "entry.added", row, {"list": row.name, "entry": number})
    return number


def find_numbered_entry(session: Session, row: HashList, number: int) -> NumberedEntry | None:
    """Return an entry of a list that is active or disabled; None where there is none.

    The number of an entry of any other list is its key.
    """
    # One after the other, since each has an index of its own.
    for are_there in (is_listed(row), are_disabled(row)):
        entry = session.scalar(select(Entry).where(*are_there, _has_number(row, number)).limit(1))
        if entry is not None:
            break
    else:
        return None
    note = entry.note if row.kind == OWN else ""
    return NumberedEntry(number, entry.disabled, entry.disabled_until, note)


def disable_numbered_entry(session: Session, row: HashList, number: int) -> None:
    """Disable an active entry of an own list until it is enabled. Raises `NotFoundError`."""
    disable_entries(session, row.name, [str(number)])
    audit(session, "entry.disabled", row, {"list": row.name, "entry": number})


def disable_entry_until(
    session: Session, row: HashList, number: int, until: datetime | None
) -> None:
    """Disable an entry of an own list until a time, or enable it where that is None."""
    found = find_numbered_entry(session, row, number)
    if found is not None and found.is_disabled:
        enable_entries(session, row.name, [str(number)])
    session.execute(
        update(Entry).where(*is_listed(row), _has_number(row, number)).values(disabled_until=until)
    )
    facts = {"list": row.name, "entry": number}
    if until is None:
        audit(session, "entry.enabled", row, facts)
    else:
        audit(session, "entry.disabled", row, {**facts, "until": until.isoformat()})


def withdraw_entry(session: Session, row: HashList, number: int) -> bool:
    """Withdraw an entry of an own list, disabled or not; say whether there was one."""
    of_number = _has_number(row, number)
    keys = list(session.scalars(select(Entry.key).where(*is_listed(row), of_number)))
    session.execute(
        update(Entry).where(Entry.key.in_(keys)).values(withdrawn_generation=next_number(row))
    )
    disabled = affected_rows(
        session, update(Entry).where(*are_disabled(row), of_number).values(disabled=False)
    )
    if keys:
        counts = Counts(withdrawn=len(keys))
        publish_generation(session, row, counts, source=f"entry {number} withdrawn")
        follow_figures(session, row, withdrawn=keys)
    change_figures(session, row.key, {(DISABLED, ""): -disabled})
    if keys or disabled:
        audit(session, "entry.withdrawn", row, {"list": row.name, "entry": number})
    return bool(keys or disabled)


def _has_number(row: HashList, number: int) -> ColumnElement[bool]:
    if row.kind == OWN:
        return is_named() & (Entry.entry_id == str(number))
    return Entry.key == number
