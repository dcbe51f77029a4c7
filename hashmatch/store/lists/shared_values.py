"""Entries of a list that share a hash: one match of an image, however many of them there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session, aliased

from ..schema import Entry
from .entries import shown_entry_id

# The keys of one query: databases take 32,766 values and more.
_KEYS_A_QUERY = 10_000

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
        one
        for start in range(0, len(keys), _KEYS_A_QUERY)
        for one in session.execute(_kinds(keys[start : start + _KEYS_A_QUERY], now))
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


def _kinds(
    keys: Sequence[int], now: datetime
) -> Select[int, int, str, bytes, str, int, int, int, str]:
    """Select for each key the first active entry of every category and state, and their number."""
    other = aliased(Entry)
    is_enabled = case((other.disabled_until > now, 0), else_=1).label("is_enabled")
    return (
        select(
            Entry.key.label("found"),
            Entry.list_key,
            Entry.algorithm,
            Entry.value,
            other.category,
            is_enabled,
            func.min(other.key).label("first"),
            func.count().label("entries"),
            func.min(other.entry_id).label("entry_id"),
        )
        .join(
            other,
            (other.list_key == Entry.list_key)
            & (other.algorithm == Entry.algorithm)
            & (other.value == Entry.value)
            & other.withdrawn_generation.is_(None),
        )
        .where(Entry.key.in_(keys))
        .group_by(Entry.key, other.category, is_enabled)
    )


def _read_ids(session: Session, keys: Sequence[int]) -> dict[int, str]:
    """Return the licensor's ids of entries; one query for any number of keys up to a bound."""
    return {
        key: entry_id
        for start in range(0, len(keys), _KEYS_A_QUERY)
        for key, entry_id in session.execute(
            select(Entry.key, Entry.entry_id).where(
                Entry.key.in_(keys[start : start + _KEYS_A_QUERY])
            )
        )
    }
