"""Reading for consumers: entries and withdrawals of a list in the order of their positions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ..engine import as_table
from ..lists import OWN, read_active_hashes
from ..schema import HashList, Publication, SharedEntry, SharedList
from .consumers import Visibility
from .contributions import ContributionFacts, read_facts_of

_LONG_NUMBER = 19  # Longer ones are no numbers of entries, and would not fit into a query.
# Categories and tags that are decoded once: nearly all entries of a list have the same few.
_CACHED_ARRAYS = 4_096


class _Row(NamedTuple):
    """Row of an entry, in columns: objects cost several times as much."""

    entry_id: str
    entry_key: int | None
    position: int
    published_at: datetime
    first_position: int
    first_published_at: datetime
    categories: str
    tags: str
    earlier: str
    withdrawn: bool


_ENTRIES = as_table(SharedEntry).c
_ROWS = select(*(_ENTRIES[one] for one in _Row._fields)).where(
    _ENTRIES.list_key == bindparam("of_list")
)
# A statement that is kept: to build one takes longer than to execute it.
_PAGE = (
    _ROWS.where(_ENTRIES.position > bindparam("after"), _ENTRIES.position <= bindparam("until"))
    .order_by(_ENTRIES.position)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class SharedItem:
    """One entry as a consumer sees it: with its hashes, or withdrawn and without them.

    `published_at` is when it was changed last; it was there first at `first_position`. `hashes` are
    values by algorithm.
    """

    position: int
    entry_id: str
    published_at: datetime
    first_position: int
    first_published_at: datetime
    is_withdrawn: bool
    category: str = ""
    tags: tuple[str, ...] = ()
    added_at: str = ""
    hashes: Mapping[str, Sequence[bytes]] = field(default_factory=dict, repr=False)
    facts: ContributionFacts | None = None


@dataclass(frozen=True, slots=True)
class SharedPage:
    """Some items, and the position that was read up to, hidden ones included."""

    items: Sequence[SharedItem]
    position: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The last position that was published of a list, of which generation, and when.

    `secret` hides positions in ids that consumers see.
    """

    position: int
    generation: int
    published_at: datetime | None
    secret: bytes = field(default=b"", repr=False)


def read_standing(session: Session, list_key: int) -> Standing:
    """Return how far a list was published."""
    shared = session.get(SharedList, list_key)
    if shared is None:
        return Standing(0, 0, None)
    moment = find_time(session, list_key, shared.position)
    return Standing(shared.position, shared.generation or 0, moment, shared.secret)


def find_shared_entry(
    session: Session, row: HashList, visibility: Visibility, entry_id: str
) -> SharedItem | None:
    """Return an entry of a list as a consumer sees it; None of others."""
    found = session.execute(_ROWS.where(_ENTRIES.entry_id == entry_id), {"of_list": row.key})
    return _as_seen(session, row, visibility, [_Row(*one) for one in found])


def find_shared_first(
    session: Session, row: HashList, visibility: Visibility, first_position: int
) -> SharedItem | None:
    """Return the entry that was there first at a position, as a consumer sees it."""
    query = _ROWS.where(_ENTRIES.first_position == first_position)
    found = session.execute(query, {"of_list": row.key})
    return _as_seen(session, row, visibility, [_Row(*one) for one in found])


def _as_seen(
    session: Session, row: HashList, visibility: Visibility, rows: Sequence[_Row]
) -> SharedItem | None:
    shown = {one.entry_id for one in rows if not one.withdrawn and _is_shown(visibility, one)}
    items = _read_items(session, row, rows, shown, set())
    return items[0] if items else None


def find_time(session: Session, list_key: int, position: int) -> datetime | None:
    """Return when a position was published; None where it was not."""
    query = select(Publication.published_at).where(
        Publication.list_key == list_key, Publication.position >= position
    )
    return session.scalar(query.order_by(Publication.position).limit(1))


def find_position(session: Session, list_key: int, moment: datetime) -> int:
    """Return the last position that was published up to a time, 0 where there is none."""
    query = select(Publication.position).where(
        Publication.list_key == list_key, Publication.published_at <= moment
    )
    # In the order of the index of times, which is that of positions, too.
    newest = query.order_by(Publication.published_at.desc()).limit(1)
    return session.scalar(newest) or 0


def read_shared(
    session: Session,
    row: HashList,
    visibility: Visibility,
    *,
    after: int,
    until: int,
    since: int,
    limit: int,
) -> SharedPage:
    """Return what a consumer sees after a position and up to another, of `limit` entries at most.

    Withdrawals are given after a position `since`, where it has read before.
    """
    wanted = {"of_list": row.key, "after": after, "until": until, "most": limit}
    rows = [_Row(*one) for one in session.execute(_PAGE, wanted).all()]
    position = rows[-1].position if len(rows) == limit else until
    shown = {one.entry_id for one in rows if not one.withdrawn and _is_shown(visibility, one)}
    # Without `since` all of the list follows: what it lacks was withdrawn.
    gone = {one.entry_id for one in rows if since and _is_gone(visibility, one)}
    items = _read_items(session, row, rows, shown, gone)
    return SharedPage(items, position)


def _is_shown(visibility: Visibility, one: _Row) -> bool:
    return visibility.shows(one.entry_id, _array(one.categories))


def _is_gone(visibility: Visibility, one: _Row) -> bool:
    """Say whether a consumer may have had an entry that it is not to have any more."""
    had = any(visibility.shows(one.entry_id, before) for before in _array(one.earlier))
    if one.withdrawn:
        return had or _is_shown(visibility, one)
    return had and not _is_shown(visibility, one)


@lru_cache(_CACHED_ARRAYS)
def _array(text: str) -> tuple[Any, ...]:
    return tuple(json.loads(text))


@lru_cache(_CACHED_ARRAYS)
def _joined(text: str) -> str:
    return ", ".join(json.loads(text))


def _read_items(
    session: Session, row: HashList, rows: Sequence[_Row], shown: set[str], gone: set[str]
) -> list[SharedItem]:
    named = [one.entry_id for one in rows if one.entry_id in shown and one.entry_key is None]
    keys = [one.entry_key for one in rows if one.entry_id in shown and one.entry_key is not None]
    active = read_active_hashes(session, row, named, keys)
    facts = _read_facts(session, row, named)
    items = []
    for one in rows:
        known = (
            one.position, one.entry_id, one.published_at, one.first_position,
            one.first_published_at,
        )  # fmt: skip
        if one.entry_id in gone:
            items.append(SharedItem(*known, is_withdrawn=True))
        # One that was withdrawn meanwhile has none, and follows as a withdrawal.
        elif (found := active.get(one.entry_id)) is not None:
            items.append(
                SharedItem(
                    *known,
                    is_withdrawn=False,
                    category=_joined(one.categories),
                    tags=_array(one.tags),
                    added_at=found.added_at,
                    hashes=found.hashes,
                    facts=facts.get(one.entry_id),
                )
            )
    return items


def _read_facts(
    session: Session, row: HashList, ids: Sequence[str]
) -> dict[str, ContributionFacts]:
    numbers = [int(one) for one in ids if one.isdecimal() and len(one) < _LONG_NUMBER]
    if row.kind != OWN or not numbers:
        return {}
    return {str(one): facts for one, facts in read_facts_of(session, row.key, numbers).items()}
