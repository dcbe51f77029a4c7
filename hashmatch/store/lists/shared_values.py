"""Entries of a list that share a hash: one match of an image, however many of them there are.

Which of them share one the index knows: a database's own index of values, which deliveries would
fill in no order, makes their import ten times as long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import BindParameter, Row, bindparam, case, func, select
from sqlalchemy.orm import Session

from ..engine import as_table
from ..schema import Entry, EntryChange, HashList
from ..schema.base import UTCDateTime
from .entries import are_listed, is_in_force, is_listed, shown_entry_id
from .registry import find_list

# The keys of one query: databases take 32,766 values and more.
_KEYS_A_QUERY = 10_000
_IDS_OF_A_HASH = 1_000

# The list, the algorithm and the value that entries share.
ListedHash: TypeAlias = tuple[int, str, bytes]
_Row: TypeAlias = Row[int, int, str, bytes, str, str, int]


@dataclass(frozen=True, slots=True)
class FirstEntry:
    """The first entry of a category. `entry_id` is as shown to people, never empty."""

    key: int
    entry_id: str
    category: str


@dataclass(frozen=True, slots=True)
class SharedValue:
    """A hash of a list: the number of its enabled entries, and the first of each category.

    Without any it matches nothing at the moment.
    """

    listed: ListedHash = field(repr=False)
    entries: int
    firsts: tuple[FirstEntry, ...]


def read_shared_values(
    session: Session, sharing: Collection[Sequence[int]], now: datetime
) -> dict[int, SharedValue]:
    """Return the hash of entries that share one, by the first of their keys.

    Those that are disabled until later than `now` do not count. Missing are the hashes of which any
    of these entries is not active any more: another that nobody has looked up may have come in its
    place.
    """
    rows = list(_read(session, {key for keys in sharing for key in keys}, now))
    listed = {key: (list_key, name, value) for key, list_key, name, value, *_ in rows}
    by_hash = defaultdict[ListedHash, list[_Row]](list)
    for row in rows:
        by_hash[listed[row[0]]].append(row)
    shared = {one: _shared(one, some) for one, some in by_hash.items()}
    return {
        keys[0]: shared[listed[keys[0]]] for keys in sharing if all(key in listed for key in keys)
    }


def read_shown_ids(session: Session, keys: Sequence[int], now: datetime) -> list[str]:
    """Return the ids of those of the entries that are enabled, in order; at most a thousand."""
    enabled = {row[0]: row[4] for row in _read(session, keys, now) if row[6]}
    return [shown_entry_id(enabled[key], key) for key in sorted(enabled)[:_IDS_OF_A_HASH]]


def read_keys_of_hashes(session: Session, name: str, keys: Sequence[int]) -> list[int]:
    """Return the keys of all active entries of a list that share the hash of any of these.

    Also where these are other rows by now. Reads the whole list, for what a person does now and
    then.
    """
    row = find_list(session, name)
    hashes = select(Entry.algorithm, Entry.value).where(Entry.key.in_(keys)).distinct()
    return [
        key
        for algorithm, value in session.execute(hashes)
        for key in session.scalars(
            select(Entry.key).where(
                *is_listed(row), Entry.algorithm == algorithm, Entry.value == value
            )
        )
    ]


def _shared(listed: ListedHash, rows: Sequence[_Row]) -> SharedValue:
    firsts = dict[str, FirstEntry]()
    enabled = sorted(row for row in rows if row[6])
    for key, _, _, _, entry_id, category, _ in enabled:
        if category not in firsts:
            firsts[category] = FirstEntry(key, shown_entry_id(entry_id, key), category)
    return SharedValue(listed, len(enabled), tuple(firsts.values()))


def _read(session: Session, keys: Collection[int], now: datetime) -> Iterator[_Row]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), _KEYS_A_QUERY):
        some = ordered[start : start + _KEYS_A_QUERY]
        yield from session.execute(_ENTRIES, {"keys": some, "now": now})


_KEYS: BindParameter[int] = bindparam("keys", expanding=True)
_NOW: BindParameter[datetime] = bindparam("now", type_=UTCDateTime())
_OWN, _CHANGED = as_table(Entry).c, as_table(EntryChange)
# Built once: to build it for each image takes longer than to execute it.
_ENTRIES = (
    select(
        _OWN.key,
        _OWN.list_key,
        _OWN.algorithm,
        _OWN.value,
        _OWN.entry_id,
        func.coalesce(_CHANGED.c.category, _OWN.category),
        case((_OWN.disabled_until > _NOW, 0), else_=1),
    )
    .join(as_table(HashList), as_table(HashList).c.key == _OWN.list_key)
    .outerjoin(_CHANGED, is_in_force())
    .where(_OWN.key.in_(_KEYS), are_listed())
)
