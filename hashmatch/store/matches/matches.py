"""Matches: recorded before anybody may hear of them, and read back for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError
from hashmatch.hashes import Hash, Orientation, View
from hashmatch.outcome import Action, Match, Nearness, nearness

from ..engine import audit
from ..lists import find_entry_state, find_list
from ..schema import Case, Content, HashList, MatchRecord, utc_now
from .content import ContentFacts, add_hashes, find_or_add_content


@dataclass(frozen=True, slots=True)
class NewMatch:
    """A match that is about to be recorded."""

    list_key: int
    list_name: str
    licensor: str
    generation: int
    entry_key: int
    entry_id: str
    category: str
    action: Action
    found: Hash
    distance_bits: int
    threshold_bits: int

    @property
    def nearness(self) -> Nearness:
        """Return whether the match is within its list's threshold, or only near it."""
        return nearness(self.distance_bits, self.threshold_bits)


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


def record_matches(
    session: Session, facts: ContentFacts, matches: Sequence[NewMatch]
) -> list[tuple[Match, bool]]:
    """Record matches of one content item; returns each with whether it is new, in the order given.

    The same content matching the same entry again keeps the record that exists, and its id. But one
    that was only near and is within the threshold now is recorded as it is now, and counts as new.
    """
    content = find_or_add_content(session, facts)
    add_hashes(session, content, facts.hashes)
    known = {
        record.entry_key: record
        for record in session.scalars(
            select(MatchRecord).where(MatchRecord.content_key == content.key)
        )
    }
    recorded = []
    for one in matches:
        record = known.get(one.entry_key)
        is_new = record is None or (_is_near(record) and not _is_near(one))
        if record is None:
            record = MatchRecord(content_key=content.key, **_values(one))
            session.add(record)
        elif is_new:
            # Readers of what is new since a time learn of it; the audit log has the first time.
            for name, value in {**_values(one), "matched_at": utc_now()}.items():
                setattr(record, name, value)
        recorded.append((record, one, is_new))
    session.flush()
    for record, one, is_new in recorded:
        if is_new:
            _audit(session, one, record)
    return [(_as_match(record, one), is_new) for record, one, is_new in recorded]


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


def _is_near(one: MatchRecord | NewMatch) -> bool:
    return nearness(one.distance_bits, one.threshold_bits) is Nearness.NEAR


def content_key_of(session: Session, match: int) -> int:
    """Return the key of the content item of a match; no query for one that was just recorded."""
    return session.get_one(MatchRecord, match).content_key


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
    return (
        select(MatchRecord, HashList, Content, Case.key)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .join(Content, Content.key == MatchRecord.content_key)
        .outerjoin(Case, Case.content_key == Content.key)
    )


def _audit(session: Session, new: NewMatch, record: MatchRecord) -> None:
    facts = {
        "content": record.content_key,
        "list": new.list_name,
        "generation": new.generation,
        "entry": new.entry_key,
        "category": new.category,
        "algorithm": record.algorithm,
        "distance_bits": new.distance_bits,
        "action": new.action,
    }
    audit(session, "match.recorded", record, facts)


def _as_match(record: MatchRecord, new: NewMatch) -> Match:
    """Return a match as it was found first, in the category that its licensor gives it now."""
    return Match(
        match_id=str(record.key),
        list_name=new.list_name,
        generation=record.generation,
        entry_key=record.entry_key,
        entry_id=record.entry_id,
        algorithm=record.algorithm,
        distance_bits=record.distance_bits,
        threshold_bits=record.threshold_bits,
        orientation=Orientation(record.orientation),
        frame=record.frame,
        view=View(record.view),
        category=new.category,
    )


def _values(new: NewMatch) -> dict[str, Any]:
    """Return the columns of a match's record, but for its content."""
    return {
        "list_key": new.list_key,
        "entry_key": new.entry_key,
        "generation": new.generation,
        "licensor": new.licensor,
        "entry_id": new.entry_id,
        "category": new.category,
        "action": new.action.value,
        "algorithm": new.found.algorithm.name,
        "hasher_version": new.found.algorithm.version,
        "value": new.found.value,
        "distance_bits": new.distance_bits,
        "threshold_bits": new.threshold_bits,
        "quality": new.found.quality,
        "frame": new.found.frame,
        "orientation": new.found.orientation.value,
        "view": new.found.view.value,
        "decode": new.found.decode.value,
    }
