"""Entries of a list that share a hash: one match of an image, however many of them there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import BindParameter, Select, bindparam, case, func, select
from sqlalchemy.orm import Session

from ..engine import as_table
from ..schema import Entry
from ..schema.base import UTCDateTime
from .entries import shown_entry_id

# The keys of one query: databases take 32,766 values and more.
_KEYS_A_QUERY = 10_000
_IDS_OF_A_HASH = 1_000

_ENTRIES = as_table(Entry)

# The list, the algorithm and the value that entries share.
ListedHash: TypeAlias = tuple[int, str, bytes]


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
    session: Session, keys: Sequence[int], now: datetime
) -> dict[int, SharedValue]:
    """Return the hash of each of the entries, by key, with all active entries that share it.

    Those that are disabled until later than `now` do not count. Missing are entries of whose hash
    the list has no active entry any more.
    """
    kinds = [
        one for some in _chunks(keys) for one in session.execute(_KINDS, {"keys": some, "now": now})
    ]
    # Of a single entry the smallest id is its own.
    several = [one.first for one in kinds if one.is_enabled and one.entries > 1]
    ids = {one.first: one.entry_id for one in kinds} | _read_ids(session, several)
    found: dict[int, SharedValue] = {}
    for one in kinds:
        known = found.get(one.found)
        if known is None:
            known = SharedValue((one.list_key, one.algorithm, one.value), 0, ())
        if one.is_enabled:
            first = FirstEntry(one.first, shown_entry_id(ids[one.first], one.first), one.category)
            known = SharedValue(known.listed, known.entries + one.entries, (*known.firsts, first))
        found[one.found] = known
    return found


def read_sharing_ids(session: Session, keys: Sequence[int], now: datetime) -> dict[int, list[str]]:
    """Return for each of the entries the licensor's ids of all enabled ones that share its hash.

    There are at most a thousand of each.
    """
    found: dict[int, list[str]] = {}
    for key in keys:
        rows = session.scalars(_SHARING, {"keys": [key], "now": now})
        if ids := list(rows):
            found[key] = ids
    return found


def _read_ids(session: Session, keys: Sequence[int]) -> dict[int, str]:
    """Return the licensor's ids of entries."""
    return {
        key: entry_id
        for some in _chunks(keys)
        for key, entry_id in session.execute(_IDS, {"keys": some})
    }


def _chunks(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), _KEYS_A_QUERY):
        yield keys[start : start + _KEYS_A_QUERY]


_KEYS: BindParameter[int] = bindparam("keys", expanding=True)
_IDS = select(_ENTRIES.c.key, _ENTRIES.c.entry_id).where(_ENTRIES.c.key.in_(_KEYS))


_OTHER = _ENTRIES.alias("other")
_NOW: BindParameter[datetime] = bindparam("now", type_=UTCDateTime())
_SHARES = (
    (_OTHER.c.list_key == _ENTRIES.c.list_key)
    & (_OTHER.c.algorithm == _ENTRIES.c.algorithm)
    & (_OTHER.c.value == _ENTRIES.c.value)
    & _OTHER.c.withdrawn_generation.is_(None)
)
_SHARING = (
    select(_OTHER.c.entry_id)
    .select_from(_ENTRIES.join(_OTHER, _SHARES))
    .where(_ENTRIES.c.key.in_(_KEYS))
    .where(_OTHER.c.disabled_until.is_(None) | (_OTHER.c.disabled_until <= _NOW))
    .order_by(_OTHER.c.key)
    .limit(_IDS_OF_A_HASH)
)


def _kinds() -> Select[int, int, str, bytes, str, int, int, int, str]:
    """Select for each key the first active entry of every category and state, and their number."""
    one, other = _ENTRIES.c, _OTHER.c
    is_enabled = case((other.disabled_until > _NOW, 0), else_=1).label("is_enabled")
    return (
        select(
            one.key.label("found"),
            one.list_key,
            one.algorithm,
            one.value,
            other.category,
            is_enabled,
            func.min(other.key).label("first"),
            func.count().label("entries"),
            func.min(other.entry_id).label("entry_id"),
        )
        .select_from(_ENTRIES.join(_OTHER, _SHARES))
        .where(one.key.in_(_KEYS))
        .group_by(one.key, other.category, is_enabled)
    )


# Built once: to build it for each image takes longer than to execute it.
_KINDS = _kinds()
