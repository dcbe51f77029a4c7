"""Feedback that consumers gave on shared entries: suggestions, which a person decides about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from hashmatch.errors import CaseStateError, InputError, NotFoundError

from ..engine import audit
from ..schema import Consumer, FeedbackState, HashList, ReceivedFeedback, require_text, utc_now

_MAX_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class FeedbackFacts:
    """Feedback of a consumer on one fingerprint of an entry, and what was decided about it."""

    number: int
    list_name: str
    entry_id: str
    algorithm: str
    consumer: str
    is_affirmative: bool
    reason: str
    given_at: datetime
    state: FeedbackState
    decided_by: str
    decision_reason: str = ""


def save_feedback(
    session: Session,
    row: HashList,
    consumer: Consumer,
    *,
    entry_id: str,
    algorithm: str,
    is_affirmative: bool,
    reason: str = "",
) -> bool:
    """Record feedback of a consumer; another on the same replaces it. Says whether it is new.

    Raises `InputError`.
    """
    require_text(reason)
    if len(reason) > _MAX_CHARACTERS:
        raise InputError(f"the reason has more than {_MAX_CHARACTERS} characters")
    query = select(ReceivedFeedback).where(
        ReceivedFeedback.list_key == row.key,
        ReceivedFeedback.entry_id == entry_id,
        ReceivedFeedback.algorithm == algorithm,
        ReceivedFeedback.consumer_key == consumer.key,
    )
    found = session.scalar(query.with_for_update())
    if found is None:
        found = ReceivedFeedback(
            list_key=row.key, entry_id=entry_id, algorithm=algorithm, consumer_key=consumer.key
        )
        session.add(found)
    elif (found.is_affirmative, found.reason) == (is_affirmative, reason):
        return False
    found.is_affirmative, found.reason = is_affirmative, reason
    found.given_at, found.state, found.decided_by = utc_now(), FeedbackState.OPEN, ""
    found.decided_at, found.decision_reason = None, ""
    session.flush()
    audit(
        session,
        "feedback.received",
        found,
        {
            "consumer": consumer.name,
            "list": row.name,
            "entry": entry_id,
            "algorithm": algorithm,
            "affirmative": is_affirmative,
        },
    )
    return True


def read_feedback(
    session: Session,
    *,
    state: FeedbackState | None = FeedbackState.OPEN,
    after: int = 0,
    limit: int,
) -> list[FeedbackFacts]:
    """Return feedback in a state, or all, the oldest first, from after a number on."""
    query = _with_names().order_by(ReceivedFeedback.key).limit(limit)
    query = query.where(ReceivedFeedback.key > after)
    if state is not None:
        query = query.where(ReceivedFeedback.state == state)
    return [_facts(*one) for one in session.execute(query)]


def decide_feedback(
    session: Session, number: int, state: FeedbackState, actor: str, reason: str = ""
) -> FeedbackFacts:
    """Record that a person accepted or declined feedback, and why.

    Raises `NotFoundError`, `CaseStateError` and `InputError`.
    """
    require_text(reason)
    if len(reason) > _MAX_CHARACTERS:
        raise InputError(f"the reason has more than {_MAX_CHARACTERS} characters")
    row = session.scalar(
        select(ReceivedFeedback).where(ReceivedFeedback.key == number).with_for_update()
    )
    if row is None:
        raise NotFoundError(
            f"there is no feedback {number}", hint="'hashmatch sharing feedback' lists it."
        )
    if row.state != FeedbackState.OPEN:
        raise CaseStateError(f"feedback {number} was {row.state} by {row.decided_by}")
    row.state, row.decided_by, row.decided_at = state, actor, utc_now()
    row.decision_reason = reason
    session.flush()
    found = session.execute(_with_names().where(ReceivedFeedback.key == number)).one()
    facts = _facts(*found)
    audit(
        session,
        f"feedback.{state}",
        row,
        {
            "feedback": number,
            "list": facts.list_name,
            "entry": facts.entry_id,
            "reason": reason,
        },
    )
    return facts


@dataclass(frozen=True, slots=True)
class FeedbackCounts:
    """How many consumers agreed with one fingerprint of an entry, or not, and since when."""

    affirmative: int
    negative: int
    newest: datetime


def count_feedback(
    session: Session, list_key: int, entry_ids: Collection[str]
) -> Mapping[str, Mapping[str, FeedbackCounts]]:
    """Return the counts of feedback on entries that have any, by id and algorithm."""
    query = (
        select(
            ReceivedFeedback.entry_id,
            ReceivedFeedback.algorithm,
            func.sum(_as_number()),
            func.sum(1 - _as_number()),
            func.max(ReceivedFeedback.given_at),
        )
        .where(
            ReceivedFeedback.list_key == list_key,
            ReceivedFeedback.entry_id.in_(sorted(entry_ids)),
        )
        .group_by(ReceivedFeedback.entry_id, ReceivedFeedback.algorithm)
    )
    counts = defaultdict[str, dict[str, FeedbackCounts]](dict)
    for entry_id, algorithm, agreed, disagreed, newest in session.execute(query):
        counts[entry_id][algorithm] = FeedbackCounts(agreed, disagreed, newest)
    return counts


def _as_number() -> ColumnElement[int]:
    return case((ReceivedFeedback.is_affirmative, 1), else_=0)


def _with_names() -> Select[ReceivedFeedback, str, str]:
    return (
        select(ReceivedFeedback, HashList.name, Consumer.name)
        .join(HashList, HashList.key == ReceivedFeedback.list_key)
        .join(Consumer, Consumer.key == ReceivedFeedback.consumer_key)
    )


def _facts(row: ReceivedFeedback, list_name: str, consumer: str) -> FeedbackFacts:
    return FeedbackFacts(
        row.key,
        list_name,
        row.entry_id,
        row.algorithm,
        consumer,
        row.is_affirmative,
        row.reason,
        row.given_at,
        FeedbackState(row.state),
        row.decided_by,
        row.decision_reason,
    )
