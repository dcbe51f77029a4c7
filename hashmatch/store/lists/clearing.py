"""Clearing in short turns: what a publication, a removal or a crash leaves behind in the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sqlalchemy import ColumnElement, delete, exists, false, select, update
from sqlalchemy.orm import Session

from ..engine import Turns, affected_rows, overwrite_deleted
from ..schema import Entry, EntryChange, HashList, UnsupportedHash
from .quarantine import delete_some_hidden
from .staging_tables import CONTENT
from .syncs import renew_lease

_UNSYNCHRONIZED = {"synchronize_session": False}
# Does a part of the work on a list, up to so many rows; says whether there is more.
Part: TypeAlias = Callable[[Session, HashList, int], bool]


def needs_settling(session: Session, row: HashList) -> bool:
    """Say whether a crash or a removal left something of a list behind."""
    if row.preparing is not None or row.clear_from is not None:
        return True
    changes = exists().where(EntryChange.list_key == row.key)
    return bool(session.scalar(select(changes | exists().where(*_are_withdrawn(row)))))


def settle_list(turns: Turns, list_key: int, holder: str) -> None:
    """Finish what was published of a list, and take back what was not.

    Only for the holder of its lease. Raises `SyncLeaseError` where that has passed on.
    """
    for part in (
        _move_changes,
        _delete_withdrawn,
        _delete_removed_entries,
        _delete_prepared_entries,
        _delete_unseen_unsupported,
        _restore_entries,
        _restore_unsupported,
        _drop_changes,
        _end_clearing,
    ):
        _repeat(turns, list_key, part, holder)


def finish_publication(turns: Turns, list_key: int) -> None:
    """Move published contents into their entries, and delete withdrawn unsupported hashes.

    All readers take them as published already.
    """
    _repeat(turns, list_key, _move_changes)
    _repeat(turns, list_key, _delete_withdrawn)


def clear_removed(turns: Turns, list_key: int) -> None:
    """Delete what went with a list, unless it was created again: then its next delivery does."""
    for part in (*_PARTS_OF_REMOVED, clear_at_once):
        _repeat(turns, list_key, _of_removed(part))


def clear_at_once(session: Session, row: HashList, limit: int) -> bool:
    """Do the same in one transaction where few rows are left; say whether there are more.

    The list may have been filled and removed again since any of the parts was done.
    """
    if any(part(session, row, limit) for part in _PARTS_OF_REMOVED):
        return True
    return _end_clearing(session, row, limit)


def _delete_removed_entries(session: Session, row: HashList, limit: int) -> bool:
    """Delete entries that went with the list, by the index of active ones and that of others."""
    overwrite_deleted(session)
    dead = (Entry.list_key == row.key, Entry.added_generation <= row.emptied)
    for is_withdrawn in (False, True):
        withdrawn = Entry.withdrawn_generation
        of_index = withdrawn.is_not(None) if is_withdrawn else withdrawn.is_(None)
        some = select(Entry.key).where(*dead, of_index).limit(limit)
        if _delete(session, Entry, Entry.key.in_(some)) >= limit:
            return True
    return False


def _delete_prepared_entries(session: Session, row: HashList, limit: int) -> bool:
    """Delete entries of a preparation among the next so many.

    The database is walked through by key, since these have no index of their own.
    """
    if row.clear_from is None or row.preparing is None:
        return False
    after = Entry.key > row.clear_from
    next_keys = select(Entry.key).where(after).order_by(Entry.key)
    end = session.scalar(next_keys.offset(limit - 1).limit(1))
    within = after if end is None else after & (Entry.key <= end)
    # The sum keeps the database from reading all of a long list's index.
    is_of_list = (Entry.list_key + 0 == row.key) & (Entry.added_generation == row.preparing)
    _delete(session, Entry, within & is_of_list)
    if end is not None:
        row.clear_from = end
    return end is not None


def _repeat(turns: Turns, list_key: int, part: Part, holder: str = "") -> None:
    """Do a part of the work, each time in a transaction of its own, until there is no more."""
    is_more = True
    while is_more:
        with turns.next() as session:
            query = select(HashList).where(HashList.key == list_key)
            row = session.scalars(query.with_for_update(key_share=True)).one()
            if holder:
                renew_lease(session, row, holder)
            is_more = part(session, row, turns.rows)
            session.flush()


def _delete_quarantined(session: Session, row: HashList, limit: int) -> bool:
    return delete_some_hidden(session, row.key, limit)


def _of_removed(part: Part) -> Part:
    return lambda session, row, limit: row.removed_at is not None and part(session, row, limit)


def _move_changes(session: Session, row: HashList, limit: int) -> bool:
    of_list = EntryChange.list_key == row.key
    if row.preparing is not None:
        of_list &= EntryChange.generation != row.preparing
    some = select(EntryChange.entry_key).where(of_list).order_by(EntryChange.entry_key).limit(limit)
    keys = session.scalars(some).all()
    if not keys:
        return False
    of_list &= EntryChange.entry_key <= keys[-1]
    session.execute(
        update(Entry)
        .where(Entry.key == EntryChange.entry_key, of_list)
        .values({name: getattr(EntryChange, name) for name in CONTENT}),
        execution_options=_UNSYNCHRONIZED,
    )
    session.execute(delete(EntryChange).where(of_list), execution_options=_UNSYNCHRONIZED)
    return len(keys) >= limit


def _drop_changes(session: Session, row: HashList, limit: int) -> bool:
    of_list = EntryChange.list_key == row.key
    some = select(EntryChange.entry_key).where(of_list).limit(limit)
    return _delete(session, EntryChange, EntryChange.entry_key.in_(some)) >= limit


def _are_withdrawn(row: HashList) -> list[ColumnElement[bool]]:
    """Say that unsupported hashes were withdrawn in a published generation."""
    withdrawn = UnsupportedHash.withdrawn_generation
    conditions = [UnsupportedHash.list_key == row.key, withdrawn.is_not(None)]
    return conditions if row.preparing is None else [*conditions, withdrawn != row.preparing]


def _delete_withdrawn(session: Session, row: HashList, limit: int) -> bool:
    some = select(UnsupportedHash.key).where(*_are_withdrawn(row)).limit(limit)
    return _delete(session, UnsupportedHash, UnsupportedHash.key.in_(some)) >= limit


def _delete_unseen_unsupported(session: Session, row: HashList, limit: int) -> bool:
    """Delete unsupported hashes of a preparation, and those that went with the list."""
    added = UnsupportedHash.added_generation
    # Those of before there were preparations have no generation.
    unseen = added <= row.emptied if row.emptied else false()
    if row.preparing is not None:
        unseen |= added == row.preparing
    some = select(UnsupportedHash.key).where(UnsupportedHash.list_key == row.key, unseen)
    some = some.limit(limit)
    return _delete(session, UnsupportedHash, UnsupportedHash.key.in_(some)) >= limit


def _delete_removed_unsupported(session: Session, row: HashList, limit: int) -> bool:
    some = select(UnsupportedHash.key).where(UnsupportedHash.list_key == row.key).limit(limit)
    return _delete(session, UnsupportedHash, UnsupportedHash.key.in_(some)) >= limit


def _delete(
    session: Session,
    table: type[Entry | EntryChange | UnsupportedHash],
    chosen: ColumnElement[bool],
) -> int:
    overwrite_deleted(session)
    statement = delete(table).where(chosen).execution_options(**_UNSYNCHRONIZED)
    return affected_rows(session, statement)


def _restore_entries(session: Session, row: HashList, limit: int) -> bool:
    if row.preparing is None:
        return False
    own = (Entry.list_key == row.key, Entry.withdrawn_generation == row.preparing)
    some = select(Entry.key).where(*own).limit(limit)
    return _restore(session, Entry, Entry.key.in_(some)) >= limit


def _restore_unsupported(session: Session, row: HashList, limit: int) -> bool:
    if row.preparing is None:
        return False
    withdrawn = UnsupportedHash.withdrawn_generation == row.preparing
    some = select(UnsupportedHash.key).where(UnsupportedHash.list_key == row.key, withdrawn)
    some = some.limit(limit)
    return _restore(session, UnsupportedHash, UnsupportedHash.key.in_(some)) >= limit


def _restore(
    session: Session, table: type[Entry | UnsupportedHash], chosen: ColumnElement[bool]
) -> int:
    restored = update(table).where(chosen).values(withdrawn_generation=None)
    return affected_rows(session, restored.execution_options(**_UNSYNCHRONIZED))


def _end_clearing(_: Session, row: HashList, __: int) -> bool:
    row.preparing = row.clear_from = None
    return False


_PARTS_OF_REMOVED = (
    _delete_removed_entries,
    _delete_removed_unsupported,
    _drop_changes,
    _delete_quarantined,
)
