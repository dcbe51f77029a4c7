"""Lists themselves: create, look up, license, remove."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, UnknownListError

from ..engine import WRITES, affected_rows, audit, is_sqlite
from ..schema import (
    Generation,
    HashList,
    ListSync,
    StoreIdentity,
    utc_now,
)
from .clearing import clear_at_once
from .figures import forget_figures
from .generations import Change, Counts, publish_generation
from .quarantine import hide_quarantined

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# PostgreSQL's advisory lock for creating a list, which has no row yet to lock.
_TURN_TO_CREATE = 0x686D01
# The kinds of lists: licensed ones, the operator's own ones, those that explain false matches, and
# those of terms, which prompts are matched against.
MATCH, OWN, ALLOW, TERMS = "match", "own", "allow", "terms"
MATCHED = (MATCH, OWN)
# The newest generation of a list, and when it came, or for a list without any the list itself.
IS_NEWEST = (Generation.list_key == HashList.key) & (Generation.number == HashList.generation)
CHANGED_AT = func.coalesce(Generation.created_at, HashList.created_at)
# Deleted in the transaction that removes a list.
_FEW_ENTRIES = 500
_WARN_BEFORE_LICENCE_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ListState:
    """One list as it stood when it was read."""

    key: int
    name: str
    kind: str
    licensor: str
    licence_end: date | None
    generation: int
    active_entries: int
    changed_at: datetime

    def licence_has_ended(self, today: date) -> bool:
        """Say whether `today` is past the last day of the licence."""
        return self.licence_end is not None and today > self.licence_end

    def licence_ends_soon(self, today: date) -> bool:
        """Say whether the licence ends within the next thirty days, or has."""
        return self.licence_has_ended(today + _WARN_BEFORE_LICENCE_END)

    def is_usable(self, today: date) -> bool:
        """Say whether the list has entries that may be matched against."""
        return self.active_entries > 0 and not self.licence_has_ended(today)


def create_list(
    session: Session,
    name: str,
    *,
    kind: str = MATCH,
    licensor: str | None = None,
    licence_end: date | None = None,
) -> HashList:
    """Create an empty list, or revive a removed one of that name: its generations go on counting.

    A revived list keeps its licensor and its licence's end unless others are given. Raises
    `InputError` when the name is taken or invalid, or was that of a list of another kind.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"list name {name[:64]!r} is invalid",
            hint="Use up to 64 of a-z 0-9 . _ - and begin with a letter or digit.",
        )
    _take_turn_to_create(session)
    row = session.scalar(_named(session, name))
    if row is not None and row.removed_at is None:
        raise InputError(
            f"there is a list named {name} already",
            hint=f"Fill it with 'hashmatch lists import {name} FILE'.",
        )
    if row is None:
        row = HashList(name=name, kind=kind)
        session.add(row)
    require_kind(row, kind)
    if licensor is not None:
        row.licensor = licensor
    if licence_end is not None:
        row.licence_end = licence_end
    row.removed_at = None
    session.flush()
    audit(session, "list.created", row, {"kind": kind, **_licence_facts(row)})
    return row


def find_or_create_list(session: Session, name: str, kind: str) -> tuple[HashList, bool]:
    """Return the list of that name, created if there is none, and whether it was.

    Raises `InputError` where the name is invalid, or that of a list of another kind.
    """
    if not has_list(session, name):
        _take_turn_to_create(session)
    if has_list(session, name):
        row = find_list(session, name)
        require_kind(row, kind)
        return row, False
    return create_list(session, name, kind=kind), True


def find_list(session: Session, name: str, *, removed_too: bool = False) -> HashList:
    """Return the list of that name. Raises `UnknownListError`.

    A session that writes waits until others have changed the list.
    """
    row = session.scalar(_named(session, name))
    if row is None or (row.removed_at is not None and not removed_too):
        raise UnknownListError(
            f"there is no list named {name[:64]!r}", hint="'hashmatch lists status' names them."
        )
    return row


def _named(session: Session, name: str) -> Select[HashList]:
    query = select(HashList).where(HashList.name == name)
    if not session.info.get(WRITES):
        return query
    # Such a lock does not block sessions that record matches of the list.
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)


def _take_turn_to_create(session: Session) -> None:
    """Create lists in turn, until the end of this transaction."""
    if not is_sqlite(session):
        session.execute(select(func.pg_advisory_xact_lock(_TURN_TO_CREATE)))


def require_kind(row: HashList, *kinds: str) -> None:
    """Raise `InputError` where the list is, or once was, of none of the kinds."""
    if row.kind not in kinds:
        raise InputError(
            f"{row.name} is already the name of a list of the kind {row.kind}",
            hint="Choose another name.",
        )


def has_list(session: Session, name: str) -> bool:
    """Say whether there is a list of that name."""
    found = select(HashList.key).where(HashList.name == name, HashList.removed_at.is_(None))
    return session.scalar(found) is not None


def set_licence(session: Session, name: str, *, licensor: str | None, end: date | None) -> None:
    """Set the last day of a list's licence, None for no end, and its licensor, None to keep it.

    Raises `UnknownListError`, and `InputError` for an own list.
    """
    row = find_list(session, name)
    if row.kind == OWN:
        raise InputError(f"list {name} is your own, and has no licence")
    row.licence_end = end
    if licensor is not None:
        row.licensor = licensor
    audit(session, "licence.set", row, _licence_facts(row))


def _licence_facts(row: HashList) -> dict[str, object]:
    end = None if row.licence_end is None else row.licence_end.isoformat()
    return {"list": row.name, "licensor": row.licensor, "end": end}


def read_lists(session: Session, *kinds: str) -> tuple[ListState, ...]:
    """Return all lists of these kinds that were not removed, by name.

    Without any kind those that images are matched against.
    """
    rows = session.execute(
        select(HashList, CHANGED_AT.label("changed_at"))
        .outerjoin(Generation, IS_NEWEST)
        .where(HashList.removed_at.is_(None), HashList.kind.in_(kinds or MATCHED))
        .order_by(HashList.name)
    )
    return tuple(
        ListState(
            key=row.key,
            name=row.name,
            kind=row.kind,
            licensor=row.licensor,
            licence_end=row.licence_end,
            generation=row.generation,
            active_entries=row.active_entries,
            changed_at=moment,
        )
        for row, moment in rows
    )


def read_store_id(session: Session) -> str:
    """Return the id of this store, which its copies share."""
    return session.scalars(select(StoreIdentity.identity)).one()


def remove_list(session: Session, name: str) -> Change:
    """Take a list out of matching with all its entries; matches keep what explains them.

    Few entries are deleted at once; where more are left, `clear_removed` deletes them. A list that
    was removed by a process which crashed then is not unknown.
    """
    row = find_list(session, name, removed_too=True)
    if row.removed_at is not None and row.clear_from is not None:
        return Change(row.name, row.generation, Counts())
    row = find_list(session, name)
    # A list that comes back has to be fetched from the beginning, and a process that
    # is preparing a delivery for this one has lost its lease.
    affected_rows(session, delete(ListSync).where(ListSync.list_key == row.key))
    hide_quarantined(session, row.key)
    counts = Counts(withdrawn=row.active_entries)
    row.clear_from = 0
    change = publish_generation(session, row, counts, source="list removed")
    row.emptied, row.preparing = row.generation, None
    row.removed_at = utc_now()
    forget_figures(session, row.key)
    audit(session, "list.removed", row, {"list": row.name})
    clear_at_once(session, row, _FEW_ENTRIES)
    return change
