"""Changes from an index to the current store: new entries and withdrawn ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError
from hashmatch.hashes import Algorithm
from hashmatch.store.lists import (
    EntryBatch,
    ListState,
    count_hashes,
    read_new_entries,
    read_withdrawn_keys,
    was_at,
)

from .interface import Entries
from .manifest import ListMark, Manifest


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes up to a state of the lists: new entries by algorithm, and keys of withdrawn ones.

    `is_complete` is false if they do not lead to that state, because the history of the store is
    not the one that the index has followed.
    """

    lists: tuple[ListMark, ...]
    new: dict[str, Entries]
    withdrawn: tuple[int, ...]
    is_complete: bool


@dataclass(slots=True)
class _FollowedList:
    """One list between its mark in the index and its next mark."""

    before: ListMark | None
    last_key: int
    entries: defaultdict[str, int]

    def mark(self, state: ListState) -> ListMark:
        return ListMark(
            key=state.key,
            generation=state.generation,
            changed_at=state.changed_at.isoformat(),
            active_entries=state.active_entries,
            last_key=self.last_key,
            entries={name: count for name, count in self.entries.items() if count},
        )

    def is_complete(self, after: ListMark) -> bool:
        """Say whether the number of entries found is the growth of the list."""
        if self.before is None:
            return True
        grown = sum(after.entries.values()) - sum(self.before.entries.values())
        return after.active_entries - self.before.active_entries == grown


def read_changes(
    session: Session,
    manifest: Manifest,
    states: tuple[ListState, ...],
    algorithms: Mapping[str, Algorithm],
) -> Changes:
    """Return the changes in the store since the manifest. Raises `StoreError`."""
    # Lists that have not changed keep their marks, so only the others are read.
    marks = {mark.key: mark for mark in manifest.lists}
    followed = {
        state.key: _follow_list(marks.get(state.key))
        for state in states
        if state.key not in marks or not marks[state.key].is_of(state)
    }
    new = _read_new(session, followed, algorithms)
    withdrawn: list[int] = []
    for key, one in followed.items():
        if one.before is not None:
            for name, keys in read_withdrawn_keys(session, key, one.before.generation).items():
                withdrawn += keys
                one.entries[name] -= len(keys)
    after = {
        state.key: followed[state.key].mark(state) if state.key in followed else marks[state.key]
        for state in states
    }
    # A store restored from a backup may have reused generations and keys. Then the counts, or the
    # time at which a list reached its generation, disagree with the index.
    is_complete = all(
        one.is_complete(after[key]) and (one.before is None or _was_in_history(session, one.before))
        for key, one in followed.items()
    )
    return Changes(tuple(after.values()), new, tuple(withdrawn), is_complete)


def _follow_list(before: ListMark | None) -> _FollowedList:
    if before is None:
        return _FollowedList(None, 0, defaultdict(int))
    return _FollowedList(before, before.last_key, defaultdict(int, before.entries))


def _was_in_history(session: Session, mark: ListMark) -> bool:
    return was_at(session, mark.key, mark.generation, mark.moment())


def _read_new(
    session: Session, followed: Mapping[int, _FollowedList], algorithms: Mapping[str, Algorithm]
) -> dict[str, Entries]:
    parts: dict[str, _EntryBuffer] = {}
    expected = _expected(session, followed)
    known = {key: one.before.generation if one.before else None for key, one in followed.items()}
    for batch in read_new_entries(session, known):
        entries = _validated(batch, algorithms)
        if batch.algorithm not in parts:
            parts[batch.algorithm] = _EntryBuffer(entries, expected.get(batch.algorithm, 0))
        parts[batch.algorithm].add(entries)
        for key in set(batch.list_keys):
            own = entries.keys[entries.list_keys == key]
            followed[key].entries[batch.algorithm] += len(own)
            followed[key].last_key = max(followed[key].last_key, int(own.max()))
    # The largest last, so that the memory of the others is free by then.
    by_size = sorted(parts.items(), key=lambda part: part[1].size_bytes())
    return {name: growing.entries() for name, growing in by_size}


def _expected(session: Session, followed: Mapping[int, _FollowedList]) -> dict[str, int]:
    """Return the number of entries by algorithm that lists have which are new to the index."""
    new = [key for key, one in followed.items() if one.before is None]
    return count_hashes(session, new)


class _EntryBuffer:
    """A growing set of entries, in arrays that double in size when they are full.

    With the number that is `expected` they need not, which would take more memory.

    Thousands of small arrays would fragment the memory, and would all have to be copied at the end.
    """

    def __init__(self, like: Entries, expected: int) -> None:
        self._columns: list[NDArray[Any]] = [column[:0] for column in _columns(like)]
        self._least = max(expected, 1 << 16)
        self._count = 0

    def size_bytes(self) -> int:
        return sum(column.nbytes for column in self._columns)

    def add(self, entries: Entries) -> None:
        before, self._count = self._count, self._count + len(entries.keys)
        for place, new in enumerate(_columns(entries)):
            column = self._columns[place]
            if len(column) < self._count:
                size = max(self._count, 2 * len(column), self._least)
                column = np.empty((size, *new.shape[1:]), new.dtype)
                column[:before] = self._columns[place][:before]
                self._columns[place] = column
            column[before : self._count] = new

    def entries(self) -> Entries:
        return Entries(*(column[: self._count] for column in self._columns))


def _columns(entries: Entries) -> list[NDArray[Any]]:
    return [entries.keys, entries.list_keys, entries.values]


def _validated(batch: EntryBatch, algorithms: Mapping[str, Algorithm]) -> Entries:
    """Return the entries of a batch. Raises `StoreError` if they cannot be matched."""
    algorithm = algorithms.get(batch.algorithm)
    if algorithm is None:
        raise StoreError(
            f"the lists have {batch.algorithm} hashes, which this installation cannot match",
            hint="Install the package with that algorithm, or remove the list.",
        )
    length = algorithm.bits // 8
    if set(map(len, batch.values)) != {length}:
        raise StoreError(
            f"the store has {batch.algorithm} values of a wrong length",
            hint="Run 'hashmatch db check', then remove the list and import it again.",
        )
    values = np.frombuffer(b"".join(batch.values), np.uint8).reshape(-1, length)
    # Lists are few, and entries many: half the memory is enough for the keys of their lists.
    return Entries(np.array(batch.keys, np.int64), np.array(batch.list_keys, np.int32), values)
