"""Recorded matches, read back for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError

from ..lists import find_list
from ..schema import Case, Content, Entry, HashList, MatchRecord


@dataclass(frozen=True, slots=True)
class MatchFilter:
    """Selection of matches: from `since` up to but not including `until`, of one list or all.

    Oldest first. With a `limit` the newest, newest first, from before the key `before` on; with
    `after` as well, the oldest after that key.
    """

    since: datetime | None = None
    until: datetime | None = None
    list_name: str | None = None
    limit: int | None = None
    before: int | None = None
    after: int | None = None

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
    if wanted.list_name is not None:
        find_list(session, wanted.list_name, removed_too=True)
    query = _with_all().limit(wanted.limit)
    is_forward = wanted.limit is None or wanted.after is not None
    query = query.order_by(MatchRecord.key if is_forward else MatchRecord.key.desc())
    if wanted.after is not None:
        query = query.where(MatchRecord.key > wanted.after)
    if wanted.before is not None:
        query = query.where(MatchRecord.key < wanted.before)
    if wanted.since is not None:
        query = query.where(MatchRecord.matched_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(MatchRecord.matched_at < wanted.until)
    if wanted.list_name is not None:
        query = query.where(HashList.name == wanted.list_name)
    for row in session.execute(query.execution_options(yield_per=1000)):
        yield StoredMatch(*row)


def read_match(session: Session, match_id: str) -> StoredMatch:
    """Return one match with its list, content and case. Raises `NotFoundError`."""
    row = None
    if match_id.isdecimal() and len(match_id) < 19:
        query = _with_all().where(MatchRecord.key == int(match_id))
        row = session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no match {match_id[:32]!r}", hint="'hashmatch matches list' gives the ids."
        )
    return StoredMatch(*row)


def read_entry_history(session: Session, one: StoredMatch) -> dict[str, str]:
    """Return the present state of the entry that matched, and its licensor's present terms."""
    entry = session.get(Entry, one.record.entry_key)
    if entry is None:
        return {"entry_now": "deleted with its list"}
    gone = entry.withdrawn_generation
    how = "disabled" if entry.disabled else "withdrawn"
    return {
        "entry_now": "active" if gone is None else f"{how} in generation {gone}",
        "entry_category_now": entry.category,
        "entry_tags": entry.tags,
        "entry_added_at": entry.added_at,
        "entry_note": entry.note,
    }


def _with_all() -> Select[MatchRecord, HashList, Content, int]:
    return (
        select(MatchRecord, HashList, Content, Case.key)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .join(Content, Content.key == MatchRecord.content_key)
        .outerjoin(Case, Case.content_key == Content.key)
    )
