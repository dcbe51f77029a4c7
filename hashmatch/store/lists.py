"""The lists in the store: make, look up, license, withdraw from and remove them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Row,
    Select,
    UpdateBase,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError, UnknownListError

from .auditing import audit
from .base import is_sqlite, utc_now
from .database import WRITES
from .models import (
    Entry,
    Generation,
    HashList,
    KeptHash,
    ListSync,
    QuarantinedDelivery,
    QuarantinedRow,
    StoreIdentity,
)

_LONG_KEY = 19  # Keys of so many digits are not there, and would not fit into a query.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


# What PostgreSQL calls the turn to make a list, which has no row yet to lock.
_TURN_TO_CREATE = 0x686D01
# What lists are for: to match images with, or to hold what was matched and is harmless.
MATCH, ALLOW = "match", "allow"
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
        """Say whether there is anything in the list that may be matched against."""
        return self.active_entries > 0 and not self.licence_has_ended(today)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entries one change touched."""

    added: int = 0
    withdrawn: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What one change did to a list; `generation` is the one in force afterwards."""

    list_name: str
    generation: int
    counts: Counts


def create_list(
    session: Session,
    name: str,
    *,
    kind: str = MATCH,
    licensor: str | None = None,
    licence_end: date | None = None,
) -> HashList:
    """Make an empty list, or revive a removed one of that name: its generations go on counting.

    A revived list keeps its licensor and its licence's end unless others are given. Raises
    `InputError` when the name is taken or unfit, or was that of a list of the other kind.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"list name {name[:64]!r} is unfit",
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
    audit(session, "list.made", row, {"kind": kind, **_licence_facts(row)})
    return row


def find_or_create_list(session: Session, name: str, kind: str) -> tuple[HashList, bool]:
    """Return the list of that name, made if there is none, and whether it was.

    Raises `InputError` where the name is unfit, or that of a list of the other kind.
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

    Who looks a list up to change something waits until others have changed it.
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
    # Such a lock leaves those alone who record matches of the list.
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)


def _take_turn_to_create(session: Session) -> None:
    """Wait for others who make lists, until the end of this transaction."""
    if not is_sqlite(session):
        session.execute(select(func.pg_advisory_xact_lock(_TURN_TO_CREATE)))


def require_kind(row: HashList, kind: str) -> None:
    """Raise `InputError` where the list is, or once was, of the other kind."""
    if row.kind != kind:
        raise InputError(
            f"{row.name} is the name of a list to {row.kind}", hint="Take another name."
        )


def has_list(session: Session, name: str) -> bool:
    """Say whether there is a list of that name."""
    found = select(HashList.key).where(HashList.name == name, HashList.removed_at.is_(None))
    return session.scalar(found) is not None


def set_licence(session: Session, name: str, *, licensor: str | None, end: date | None) -> None:
    """Set the last day of a list's licence, None for no end, and who licenses it, None to keep it.

    Raises `UnknownListError`.
    """
    row = find_list(session, name)
    row.licence_end = end
    if licensor is not None:
        row.licensor = licensor
    audit(session, "licence.set", row, _licence_facts(row))


def _licence_facts(row: HashList) -> dict[str, object]:
    end = None if row.licence_end is None else row.licence_end.isoformat()
    return {"list": row.name, "licensor": row.licensor, "end": end}


def read_lists(session: Session, kind: str = MATCH) -> tuple[ListState, ...]:
    """Return all lists of that kind that were not removed, by name."""
    changed_at = func.coalesce(Generation.created_at, HashList.created_at)
    newest = (Generation.list_key == HashList.key) & (Generation.number == HashList.generation)
    rows = session.execute(
        select(HashList, changed_at.label("changed_at"))
        .outerjoin(Generation, newest)
        .where(HashList.removed_at.is_(None), HashList.kind == kind)
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
    """Return what tells this store from any other, copies of it apart."""
    return session.scalars(select(StoreIdentity.identity)).one()


def was_at(session: Session, list_key: int, generation: int, changed_at: datetime) -> bool:
    """Say whether the list ever was at that generation, and got there at that time.

    A store that was put back from a copy counts its generations again.
    """
    if not generation:
        return True
    reached = select(Generation.created_at).where(
        Generation.list_key == list_key, Generation.number == generation
    )
    return session.scalar(reached) == changed_at


def count_active_entries(session: Session) -> Sequence[Row[str, str, int]]:
    """Return (list name, algorithm, active entries), for every pair that has any."""
    return session.execute(
        select(HashList.name, Entry.algorithm, func.count())
        .join(Entry, Entry.list_key == HashList.key)
        .where(Entry.withdrawn_generation.is_(None), HashList.removed_at.is_(None))
        .group_by(HashList.name, Entry.algorithm)
        .order_by(HashList.name, Entry.algorithm)
    ).all()


def count_operator_withdrawals(session: Session) -> dict[str, int]:
    """Return how many entries operators have withdrawn, for each list that has any."""
    rows = session.execute(
        select(HashList.name, func.count())
        .join(Entry, Entry.list_key == HashList.key)
        .where(Entry.withdrawn_by_operator, HashList.removed_at.is_(None))
        .group_by(HashList.name)
    )
    return {row[0]: row[1] for row in rows}


def publish_generation(session: Session, row: HashList, counts: Counts, *, source: str) -> Change:
    """Record that the list was changed, in the transaction that changed it."""
    row.generation += 1
    row.active_entries += counts.added - counts.withdrawn
    session.add(
        Generation(
            list_key=row.key,
            number=row.generation,
            source=source,
            added=counts.added,
            withdrawn=counts.withdrawn,
            changed=counts.changed,
        )
    )
    session.flush()
    facts = {"list": row.name, "generation": row.generation, "source": source, **asdict(counts)}
    audit(session, "list.changed", row, facts)
    return Change(row.name, row.generation, counts)


def withdraw_entries(session: Session, name: str, entry_ids: Sequence[str]) -> Change:
    """Take entries out of matching by an operator's decision; imports will not bring them back.

    An id is the licensor's, or "#" and the entry's key. Raises `NotFoundError` naming the ids
    that no active entry has, and then withdraws nothing.
    """
    row = find_list(session, name)
    withdrawn = 0
    missing: list[str] = []
    for entry_id in dict.fromkeys(entry_ids):
        changed = affected_rows(
            session,
            update(Entry)
            .where(Entry.list_key == row.key, Entry.withdrawn_generation.is_(None))
            .where(_has_id(entry_id))
            .values(withdrawn_generation=row.generation + 1, withdrawn_by_operator=True),
        )
        withdrawn += changed
        if not changed:
            missing.append(entry_id)
    if missing:
        raise NotFoundError(f"list {name} has no active entry {', '.join(missing)}")
    counts = Counts(withdrawn=withdrawn)
    return publish_generation(session, row, counts, source="withdrawn by an operator")


def restore_entries(session: Session, name: str, entry_ids: Sequence[str]) -> Change:
    """Undo `withdraw_entries`: the entries match again, as new rows of a new generation."""
    row = find_list(session, name)
    restored = 0
    missing: list[str] = []
    for entry_id in dict.fromkeys(entry_ids):
        held = session.scalars(
            select(Entry)
            .where(Entry.list_key == row.key, Entry.withdrawn_by_operator)
            .where(_has_id(entry_id))
        ).all()
        restored += len(held)
        for entry in held:
            entry.withdrawn_by_operator = False
            session.add(_copy_of(entry, row.generation + 1))
        if not held:
            missing.append(entry_id)
    if missing:
        raise NotFoundError(f"no operator withdrew {', '.join(missing)} from list {name}")
    counts = Counts(added=restored)
    return publish_generation(session, row, counts, source="restored by an operator")


def remove_list(session: Session, name: str) -> Change:
    """Delete a list's entries and take it out of matching; matches keep what explains them."""
    row = find_list(session, name)
    if is_sqlite(session):
        # Overwrite what is deleted. Not set for good: it costs an import a tenth of its speed.
        session.execute(text("PRAGMA secure_delete = ON"))
    affected_rows(session, delete(Entry).where(Entry.list_key == row.key))
    affected_rows(session, delete(KeptHash).where(KeptHash.list_key == row.key))
    held = select(QuarantinedDelivery.key).where(QuarantinedDelivery.list_key == row.key)
    affected_rows(session, delete(QuarantinedRow).where(QuarantinedRow.delivery_key.in_(held)))
    of_list = QuarantinedDelivery.list_key == row.key
    affected_rows(session, delete(QuarantinedDelivery).where(of_list))
    # A list that comes back has to be fetched from the beginning.
    affected_rows(session, delete(ListSync).where(ListSync.list_key == row.key))
    counts = Counts(withdrawn=row.active_entries)
    change = publish_generation(session, row, counts, source="list removed")
    row.removed_at = utc_now()
    audit(session, "list.removed", row, {"list": row.name})
    return change


def shown_entry_id(entry_id: str, key: int) -> str:
    """Return the licensor's id of an entry, or "#" and its key where the licensor gave none."""
    return entry_id or f"#{key}"


def is_named() -> ColumnElement[bool]:
    """Say that the licensor gave the entry an id, in the words of the index of such entries."""
    return Entry.entry_id != literal_column("''")


def _has_id(shown_id: str) -> ColumnElement[bool]:
    named = is_named() & (Entry.entry_id == shown_id)
    if shown_id.startswith("#") and shown_id[1:].isdecimal() and len(shown_id) < _LONG_KEY:
        return named | ((Entry.key == int(shown_id[1:])) & (Entry.entry_id == ""))
    return named


def _copy_of(entry: Entry, generation: int) -> Entry:
    return Entry(
        list_key=entry.list_key,
        algorithm=entry.algorithm,
        value=entry.value,
        entry_id=entry.entry_id,
        category=entry.category,
        tags=entry.tags,
        added_at=entry.added_at,
        note=entry.note,
        added_generation=generation,
    )


def affected_rows(session: Session, statement: UpdateBase) -> int:
    """Execute the statement and return how many rows it changed."""
    options = {"preserve_rowcount": True}  # Of insertions, too.
    result = session.execute(statement, execution_options=options)
    return cast("CursorResult[object]", result).rowcount
