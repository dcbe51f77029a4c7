"""Entries, which of them are listed, and what they say now."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select
from sqlalchemy.orm import Session

from ..engine import as_table
from ..schema import Entry, EntryChange, Generation, HashList

# In the very terms of their indexes, without which all entries would be read.
IS_DISABLED: ColumnElement[bool] = literal_column("entries.disabled")
IS_ALLOWING: ColumnElement[bool] = literal_column("entries.allows")


def is_listed(
    row: HashList, *, within_keys: bool = False, is_begun: bool = False
) -> list[ColumnElement[bool]]:
    """Say that an entry is one of the list as it was published last.

    In the terms of the index of active entries, so that it is used, unless entries are looked for
    `within_keys`, or while others prepare a generation. One that `is_begun` has no entries yet.
    """
    return is_listed_in(ListState.of(row), within_keys=within_keys, is_begun=is_begun)


@dataclass(frozen=True, slots=True)
class ListState:
    """All of a list that conditions on its entries depend on: statements are kept by it.

    `emptied` is None where no entries are there from before the list was emptied.
    """

    key: int
    emptied: int | None
    preparing: int | None

    @classmethod
    def of(cls, row: HashList) -> ListState:
        """Return the state of a list."""
        is_cleared = not row.emptied or row.clear_from is None
        return cls(row.key, None if is_cleared else row.emptied, row.preparing)


def is_listed_in(
    state: ListState, *, within_keys: bool = False, is_begun: bool = False
) -> list[ColumnElement[bool]]:
    """Say the same of a list in a state."""
    of_list = [(Entry.list_key + 0 if within_keys else Entry.list_key) == state.key]
    if state.emptied is not None:
        of_list.append(Entry.added_generation > state.emptied)
    if state.preparing is None or is_begun:
        return [*of_list, Entry.withdrawn_generation.is_(None)]
    withdrawn = Entry.withdrawn_generation
    is_active = or_(withdrawn.is_(None), withdrawn == state.preparing)
    return [*of_list, Entry.added_generation != state.preparing, is_active]


def are_listed() -> ColumnElement[bool]:
    """Say the same of the entries of any list, which are joined with their lists."""
    entries, lists = as_table(Entry).c, as_table(HashList).c
    preparing = func.coalesce(lists.preparing, -1)
    withdrawn = entries.withdrawn_generation
    return and_(
        entries.added_generation > lists.emptied,
        entries.added_generation != preparing,
        or_(withdrawn.is_(None), withdrawn == preparing),
    )


def highest_key(session: Session) -> int:
    """Return the highest key of any entry, 0 where there is none."""
    return session.scalar(select(func.max(Entry.key))) or 0


@dataclass(frozen=True, slots=True)
class EntryHash:
    """An entry's list, its own id, as its licensor wrote it, and its hash."""

    list_key: int
    entry_id: str
    algorithm: str
    value: bytes


def find_entry(session: Session, key: int) -> EntryHash | None:
    """Return an entry, active or not; None where it was deleted."""
    found = session.execute(_with_change().where(Entry.key == key)).one_or_none()
    if found is None:
        return None
    entry = found[0]
    return EntryHash(entry.list_key, entry.entry_id, entry.algorithm, entry.value)


@dataclass(frozen=True, slots=True)
class EntryState:
    """Present contents of an entry, and the generation in which it was withdrawn, if it was."""

    withdrawn_in: int | None
    is_disabled: bool
    category: str
    tags: str
    added_at: str
    note: str


def find_entry_state(session: Session, key: int) -> EntryState | None:
    """Return the state of an entry, active or not; None where it was deleted."""
    found = session.execute(_with_change().where(Entry.key == key)).one_or_none()
    if found is None:
        return None
    entry, row, change = found
    number = entry.withdrawn_generation
    if number is None or number == row.preparing:
        withdrawn_in = None
    else:
        published = select(Generation.number).where(
            Generation.list_key == row.key, Generation.prepared_as == number
        )
        withdrawn_in = session.scalar(published) or number
    now = change or entry
    return EntryState(withdrawn_in, entry.disabled, now.category, now.tags, now.added_at, now.note)


def _with_change() -> Select[Entry, HashList, EntryChange]:
    """Return entries that were not deleted with their list, with it and their new contents."""
    return (
        select(Entry, HashList, EntryChange)
        .join(HashList, HashList.key == Entry.list_key)
        .outerjoin(EntryChange, is_in_force())
        .where(Entry.added_generation > HashList.emptied)
    )


def is_in_force() -> ColumnElement[bool]:
    """Say that new contents of an entry, joined with its list, are of a published generation."""
    changes, lists = as_table(EntryChange).c, as_table(HashList).c
    is_published = changes.generation != func.coalesce(lists.preparing, -1)
    return (changes.entry_key == as_table(Entry).c.key) & is_published


def shown_entry_id(entry_id: str, key: int) -> str:
    """Return the licensor's id of an entry, or "#" and its key where the licensor gave none."""
    return entry_id or f"#{key}"


def is_named() -> ColumnElement[bool]:
    """Say that the licensor gave the entry an id, in the terms of the index of such entries."""
    return Entry.entry_id != literal_column("''")
