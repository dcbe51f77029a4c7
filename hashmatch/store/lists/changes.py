"""Changes of lists since a generation, as the index follows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from ..schema import Entry, Generation, HashList
from .by_id import shared_id
from .entries import ListState, highest_key, is_listed, is_listed_in

_ROWS_A_BATCH = 20_000
# Ranges of keys with fewer others between them are read as one.
_NEAR_KEYS = 1_000
_IDS = (Entry.key, Entry.entry_id)
# To build a statement takes longer than to execute it, and turns are short.
_CACHED_QUERIES = 64
_LIST, _SINCE, _FIRST, _LAST = "of_list", "since_generation", "from_key", "to_key"
_LATER = (Generation.list_key == bindparam(_LIST), Generation.number > bindparam(_SINCE))
_LATE = select(Generation.prepared_as).where(*_LATER, Generation.prepared_as <= bindparam(_SINCE))
_FIRST_KEY = func.coalesce(Generation.first_key, 1)
_LAST_KEY = func.coalesce(Generation.last_key, select(func.max(Entry.key)).scalar_subquery(), 0)
_HAS_ADDED = (*_LATER, Generation.added > 0)
_RANGES = select(_FIRST_KEY, _LAST_KEY).where(*_HAS_ADDED)
_WHOLE_RANGE = select(func.min(_FIRST_KEY), func.max(_LAST_KEY)).where(*_HAS_ADDED)


@dataclass(frozen=True, slots=True)
class EntryBatch:
    """Active entries of one algorithm, in columns: keys, the keys of their lists, values."""

    algorithm: str
    keys: Sequence[int]
    list_keys: Sequence[int]
    values: Sequence[bytes]


def read_new_entries(session: Session, known: Mapping[int, int | None]) -> Iterator[EntryBatch]:
    """Yield the active entries that these lists have added since a generation of theirs.

    `known` gives the generation by list key, None where none is known. Only the keys are read that
    the generations since then have given.
    """
    rows = {row.key: row for row in session.scalars(select(HashList)) if row.key in known}
    ranges: list[tuple[int, int]] = []
    chosen: list[ColumnElement[bool]] = []
    for list_key, generation in known.items():
        row, since = rows[list_key], _Since.of(session, list_key, generation)
        own = _ranges(session, row, generation)
        if own:
            ranges += own
            conditions = is_listed(row, within_keys=True)
            chosen.append(and_(*conditions, *([] if since is None else [since.has_added()])))
    for first, last in _merged(ranges):
        yield from _read_range(session, first, last, or_(*chosen))


def _read_range(
    session: Session, first: int, last: int, chosen: ColumnElement[bool]
) -> Iterator[EntryBatch]:
    columns = Entry.__table__.c
    query = (
        select(columns.algorithm, columns.key, columns.list_key, columns.value)
        .where(Entry.key.between(first, last), chosen)
        .order_by(columns.key)
    )
    # Below the session, in half the time: an index is built of millions of rows.
    options = {"yield_per": _ROWS_A_BATCH}
    rows = session.connection().execute(query, execution_options=options)
    for batch in rows.partitions():
        # Entries have several hashes, so that every row may be of another algorithm.
        groups: defaultdict[str, list[Row[str, int, int, bytes]]] = defaultdict(list)
        for row in batch:
            groups[row[0]].append(row)
        for algorithm, some in groups.items():
            _, keys, list_keys, values = zip(*some, strict=True)
            yield EntryBatch(algorithm, keys, list_keys, values)


@dataclass(frozen=True, slots=True)
class ChangedPage:
    """Some changed entries, and the last key that was looked at; None at the end.

    `entries` gives the keys, by the ids that they are shared by, of those without a licensor's id,
    and None for all others. `new` are the ids of those that were added since.
    """

    entries: Mapping[str, int | None]
    until_key: int | None
    new: Collection[str] = ()


def read_added_page(
    session: Session,
    row: HashList,
    generation: int | None,
    after_key: int,
    *,
    everything: bool,
    limit: int,
) -> ChangedPage:
    """Return active entries that a list has added since a generation, in the order of their keys.

    With `everything` all active ones. At most `limit` keys are looked at, those of others included.
    """
    since = _Since.of(session, row.key, generation)
    ranges = _merged(_ranges(session, row, None if everything else generation))
    following = [(max(first, after_key + 1), last) for first, last in ranges if last > after_key]
    if not following:
        return ChangedPage({}, None)
    first, last = following[0]
    until = min(last, first + limit - 1)
    query = _added_query(ListState.of(row), since, everything=everything)
    # Below the session, as above.
    rows = session.connection().execute(query, {_FIRST: first, _LAST: until})
    found = [(shared_id(own, key), key, own, new) for key, own, new in rows]
    is_last = until == last and len(following) == 1
    return ChangedPage(
        {one: None if own else key for one, key, own, _ in found},
        None if is_last else until,
        {one for one, _, _, new in found if new},
    )


@lru_cache(_CACHED_QUERIES)
def _added_query(
    state: ListState, since: _Since | None, *, everything: bool
) -> Select[int, str, bool]:
    is_new: ColumnElement[bool] = true() if since is None else since.has_added()
    return (
        select(*_IDS, is_new)
        .where(
            Entry.key.between(bindparam(_FIRST), bindparam(_LAST)),
            *is_listed_in(state, within_keys=True),
            true() if everything else is_new,
        )
        .order_by(Entry.key)
    )


def read_withdrawn_page(
    session: Session, row: HashList, generation: int, after_key: int, *, limit: int
) -> ChangedPage:
    """Return entries withdrawn since a generation of a list, in the order of their keys.

    Also those that were added since then: who follows in turns may have read them meanwhile. Few
    of them are found by their index. Of more, at most `limit` keys are looked at each time, those
    of other entries included.
    """
    since = _Since.at(session, row.key, generation)
    withdrawn = (Entry.list_key == row.key, since.has_withdrawn())
    few = session.execute(select(*_IDS).where(*withdrawn).limit(limit + 1)).all()
    if len(few) <= limit:
        return ChangedPage(_by_shared_id(few), None)
    until = after_key + limit
    query = select(*_IDS).where(
        Entry.key.between(after_key + 1, until),
        Entry.list_key + 0 == row.key,
        since.has_withdrawn(),
    )
    found = _by_shared_id(session.execute(query))
    return ChangedPage(found, None if until >= highest_key(session) else until)


def _by_shared_id(rows: Iterable[Row[int, str]]) -> dict[str, int | None]:
    return {shared_id(own, key): None if own else key for key, own in rows}


def has_changed_contents(session: Session, row: HashList, generation: int) -> bool:
    """Say whether a list has changed contents of entries since a generation of it."""
    changed = (
        Generation.list_key == row.key, Generation.number > generation, Generation.changed > 0,
    )  # fmt: skip
    return session.scalar(select(Generation.number).where(*changed).limit(1)) is not None


def read_withdrawn_keys(session: Session, list_key: int, generation: int) -> dict[str, list[int]]:
    """Return the keys, by algorithm, of entries active at that generation of a list and not now."""
    since = _Since.at(session, list_key, generation)
    rows = session.execute(
        select(Entry.algorithm, Entry.key).where(
            Entry.list_key == list_key, since.has_withdrawn(), ~since.has_added()
        )
    )
    withdrawn: defaultdict[str, list[int]] = defaultdict(list)
    for algorithm, key in rows:
        withdrawn[algorithm].append(key)
    return withdrawn


@dataclass(frozen=True, slots=True)
class _Since:
    """Changes that a list has published since a generation.

    `late` are the numbers of entries that were prepared before that generation and published
    after it.
    """

    generation: int
    preparing: int | None
    late: tuple[int, ...]

    @classmethod
    def of(cls, session: Session, list_key: int, generation: int | None) -> _Since | None:
        return None if generation is None else cls.at(session, list_key, generation)

    @classmethod
    def at(cls, session: Session, list_key: int, generation: int) -> _Since:
        preparing = session.get_one(HashList, list_key).preparing
        known = {_LIST: list_key, _SINCE: generation}
        return cls(generation, preparing, tuple(session.scalars(_LATE, known)))

    def has_added(self) -> ColumnElement[bool]:
        return self._is_since(Entry.added_generation)

    def has_withdrawn(self) -> ColumnElement[bool]:
        # In the terms of the index of withdrawn entries.
        is_withdrawn = Entry.withdrawn_generation.is_not(None)
        return and_(is_withdrawn, self._is_since(Entry.withdrawn_generation))

    def _is_since(self, number: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        is_since: ColumnElement[bool] = number > self.generation
        if self.preparing is not None:
            is_since &= number != self.preparing
        return is_since | number.in_(self.late) if self.late else is_since


def _ranges(session: Session, row: HashList, generation: int | None) -> list[tuple[int, int]]:
    """Return the ranges of keys that the generations of a list have given since one of them."""
    known = {_LIST: row.key, _SINCE: row.emptied if generation is None else generation}
    # Where none is known, all of them, however many there were.
    found = session.execute(_WHOLE_RANGE if generation is None else _RANGES, known)
    return [(one, other) for one, other in found if one]


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges in order, those that overlap or are near each other as one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + _NEAR_KEYS:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
