"""Recorded matches, read back for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError

from ..lists import find_entry_state, find_list
from ..schema import Case, Content, HashList, MatchRecord

_MATCHES_A_PAGE = 1_000
_Query = TypeVar("_Query", bound="Select[*tuple[Any, ...]]")


@dataclass(frozen=True, slots=True)
class MatchPlace:
    """Place of a match in the order of their times."""

    matched_at: datetime
    key: int

    @classmethod
    def of(cls, record: MatchRecord) -> MatchPlace:
        """Return the place of a match as it is on record."""
        return cls(record.matched_at, record.key)


@dataclass(frozen=True, slots=True)
class MatchFilter:
    """Selection of matches: from `since` up to but not including `until`, of one list or all.

    Oldest first. With a `limit` the newest, newest first, from before the place `before` on; with
    `after` as well, the oldest after that place.
    """

    since: datetime | None = None
    until: datetime | None = None
    list_name: str | None = None
    limit: int | None = None
    before: MatchPlace | None = None
    after: MatchPlace | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for a period that ends before it begins."""
        if self.since is not None and self.until is not None and self.until < self.since:
            raise InputError("the period ends before it begins")


@dataclass(frozen=True, slots=True)
class StoredMatch:
    """One recorded match with its list and content, for lists and reports."""

    record: MatchRecord
    list: HashList
    content: Content
    case: int | None


def read_matches(session: Session, wanted: MatchFilter) -> Iterator[StoredMatch]:
    """Yield the recorded matches without holding them all in memory.

    Raises `UnknownListError` for a list that never existed; a removed one still has its matches.
    """
    chosen = list(conditions(session, wanted))
    is_forward = wanted.limit is None or wanted.after is not None
    place, left = wanted.after if is_forward else wanted.before, wanted.limit
    while left is None or left > 0:
        limit = min(_MATCHES_A_PAGE, left or _MATCHES_A_PAGE)
        page = _read_page(session, chosen, place, limit, is_forward=is_forward)
        yield from page
        if len(page) < limit:
            return
        left = None if left is None else left - limit
        place = MatchPlace.of(page[-1].record)


def _read_page(
    session: Session,
    chosen: Sequence[ColumnElement[bool]],
    place: MatchPlace | None,
    limit: int,
    *,
    is_forward: bool,
) -> list[StoredMatch]:
    order = (MatchRecord.matched_at, MatchRecord.key)
    own = select(MatchRecord.key).where(*chosen)
    if place is not None:
        beyond = (place.matched_at, place.key)
        own = own.where(tuple_(*order) > beyond if is_forward else tuple_(*order) < beyond)
    ordered = order if is_forward else tuple(one.desc() for one in order)
    # By themselves first, so that no other table decides where to begin.
    keys = session.scalars(own.order_by(*ordered).limit(limit)).all()
    rows = session.execute(_with_all().where(MatchRecord.key.in_(keys)).order_by(*ordered))
    return [StoredMatch(*row) for row in rows] if keys else []


def conditions(session: Session, wanted: MatchFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what the list and the period of a filter ask for. Raises `UnknownListError`."""
    if wanted.list_name is not None:
        row = find_list(session, wanted.list_name, removed_too=True)
        yield MatchRecord.list_key == row.key
    if wanted.since is not None:
        yield MatchRecord.matched_at >= wanted.since
    if wanted.until is not None:
        yield MatchRecord.matched_at < wanted.until


def read_match(session: Session, match_id: str) -> StoredMatch:
    """Return one match with its list, content and case. Raises `NotFoundError`."""
    row = None
    if match_id.isdecimal() and len(match_id) < 19:
        query = _with_all().where(MatchRecord.key == int(match_id))
        row = session.execute(query).one_or_none()
    if row is None:
        raise _no_match(match_id)
    return StoredMatch(*row)


def _no_match(match_id: str) -> NotFoundError:
    return NotFoundError(
        f"there is no match {match_id[:32]!r}", hint="'hashmatch matches list' gives the ids."
    )


def read_entry_history(session: Session, one: StoredMatch) -> dict[str, str]:
    """Return the present state of the entry that matched, and its licensor's present terms."""
    entry = find_entry_state(session, one.record.entry_key)
    if entry is None:
        return {"entry_now": "deleted with its list"}
    gone = entry.withdrawn_in
    how = "disabled" if entry.is_disabled else "withdrawn"
    return {
        "entry_now": "active" if gone is None else f"{how} in generation {gone}",
        "entry_category_now": entry.category,
        "entry_tags": entry.tags,
        "entry_added_at": entry.added_at,
        "entry_note": entry.note,
    }


def _with_all() -> Select[MatchRecord, HashList, Content, int]:
    return with_its_own(select(MatchRecord, HashList, Content, Case.key))


def with_its_own(query: _Query) -> _Query:
    """Return a query of matches, joined with the list, the content and the case of each."""
    return (
        query.select_from(MatchRecord)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .join(Content, Content.key == MatchRecord.content_key)
        .outerjoin(Case, Case.content_id == Content.content_id)
    )
