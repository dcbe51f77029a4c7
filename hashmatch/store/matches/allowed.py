"""Matches that an allow list explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.outcome import Suppressed

from ..engine import audit
from ..lists import Allowance
from ..schema import Content, HashList, SuppressionRecord
from .content import ContentFacts, find_or_add_content


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """A match that is not told, and what allows that."""

    list_key: int
    list_name: str
    generation: int
    entry_key: int
    entry_id: str
    algorithm: str
    distance_bits: int
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class StoredSuppression:
    """One such match as it was recorded, with the names of both lists, and its content."""

    record: SuppressionRecord
    list_name: str
    allow_list_name: str
    content: Content


def record_suppressions(
    session: Session, facts: ContentFacts, suppressions: Sequence[NewSuppression]
) -> list[Suppressed]:
    """Record matches of one content item that are not told, and return them, in the order given.

    The same match suppressed by the same allowance again keeps the record that is there.
    """
    content = find_or_add_content(session, facts)
    known = {
        (one.entry_key, one.allow_entry_key)
        for one in session.scalars(
            select(SuppressionRecord).where(SuppressionRecord.content_key == content.key)
        )
    }
    records = [
        SuppressionRecord(
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
            person=one.allowance.terms.person,
        )
        for one in suppressions
        if (one.entry_key, one.allowance.entry_key) not in known
    ]
    session.add_all(records)
    session.flush()
    for one in records:
        audit(session, "match.suppressed", one, {"content": content.key, "by": one.person})
    return [
        Suppressed(
            one.list_name,
            one.entry_id,
            one.algorithm,
            one.distance_bits,
            one.allowance.list_name,
            one.allowance.entry_id,
        )
        for one in suppressions
    ]


def read_suppressions(session: Session, *, limit: int) -> list[StoredSuppression]:
    """Return the newest matches that were not told, newest first."""
    names = {row.key: row.name for row in session.scalars(select(HashList))}
    rows = session.execute(
        select(SuppressionRecord, Content)
        .join(Content, Content.key == SuppressionRecord.content_key)
        .order_by(SuppressionRecord.key.desc())
        .limit(limit)
    )
    return [
        StoredSuppression(one, names[one.list_key], names[one.allow_list_key], content)
        for one, content in rows
    ]
