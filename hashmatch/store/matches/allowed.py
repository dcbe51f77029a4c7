"""Matches that an allow list explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.outcome import AllowedMatch

from ..engine import audit
from ..lists import Allowance
from ..schema import AllowedMatchRecord, Content, HashList
from .content import ContentFacts, find_or_add_content


@dataclass(frozen=True, slots=True)
class NewAllowedMatch:
    """A match about to be recorded as allowed, with its allowance."""

    list_key: int
    list_name: str
    generation: int
    entry_key: int
    entry_id: str
    algorithm: str
    distance_bits: int
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class StoredAllowedMatch:
    """One recorded allowed match, with the names of both lists, and its content."""

    record: AllowedMatchRecord
    list_name: str
    allow_list_name: str
    content: Content


def record_allowed_matches(
    session: Session, facts: ContentFacts, matches: Sequence[NewAllowedMatch]
) -> list[AllowedMatch]:
    """Record allowed matches of one content item and return them, in the order given.

    The same match with the same allowance keeps the record that exists.
    """
    content = find_or_add_content(session, facts)
    known = {
        (one.entry_key, one.allow_entry_key)
        for one in session.scalars(
            select(AllowedMatchRecord).where(AllowedMatchRecord.content_key == content.key)
        )
    }
    records = [
        AllowedMatchRecord(
            content_key=content.key,
            list_key=one.list_key,
            generation=one.generation,
            entry_key=one.entry_key,
            entry_id=one.entry_id,
            algorithm=one.algorithm,
            distance_bits=one.distance_bits,
            allow_list_key=one.allowance.list_key,
            allow_entry_key=one.allowance.entry_key,
            allow_entry_id=one.allowance.entry_id,
            reason=one.allowance.reason,
            actor=one.allowance.terms.actor,
        )
        for one in matches
        if (one.entry_key, one.allowance.entry_key) not in known
    ]
    session.add_all(records)
    session.flush()
    for one in records:
        audit(session, "match.allowed", one, {"content": content.key, "by": one.actor})
    return [
        AllowedMatch(
            one.list_name,
            one.entry_id,
            one.algorithm,
            one.distance_bits,
            one.allowance.list_name,
            one.allowance.entry_id,
        )
        for one in matches
    ]


def read_allowed_matches(session: Session, *, limit: int) -> list[StoredAllowedMatch]:
    """Return the newest allowed matches, newest first."""
    names = {row.key: row.name for row in session.scalars(select(HashList))}
    rows = session.execute(
        select(AllowedMatchRecord, Content)
        .join(Content, Content.key == AllowedMatchRecord.content_key)
        .order_by(AllowedMatchRecord.key.desc())
        .limit(limit)
    )
    return [
        StoredAllowedMatch(one, names[one.list_key], names[one.allow_list_key], content)
        for one, content in rows
    ]
