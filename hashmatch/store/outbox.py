"""Outbox messages: queued in the transaction that they are about, and retried until delivered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from hashmatch.errors import NotFoundError

from .engine import as_table, audit, insert_rows, is_sqlite, overwrite_deleted, upsert_into
from .schema import Figure, OutboxMessage, utc_now

# A crashed sender delays a message by this much.
_LEASE = timedelta(minutes=10)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
_MAX_ATTEMPTS = 12
_LEFT_AFTER_SENDING = ("type", "verdict")
# Databases take 32,766 values in a query and more.
_SUBJECTS_A_QUERY = 10_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message; it is waiting, sent, or dead, which means that nobody retries it."""

    key: int
    kind: str
    target: str
    body: Mapping[str, Any]
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: int
    problem: str
    sent_at: datetime | None

    @property
    def state(self) -> str:
        """Return the state in one word."""
        if self.sent_at is not None:
            return "sent"
        return "dead" if self.next_attempt_at is None else "waiting"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be queued, once for each subject.

    One about a `case` is removed with it.
    """

    kind: str
    target: str
    subject: str
    body: Mapping[str, Any]
    case: int | None = None


def queue_messages(session: Session, messages: Sequence[NewMessage]) -> set[str]:
    """Queue messages of whose subjects none was queued before; returns those subjects."""
    by_subject = {one.subject: one for one in messages}
    # An insertion that meets its like would use up a key all the same.
    known = {
        one
        for some in _chunks(list(by_subject))
        for one in session.scalars(_KNOWN, {"subjects": some})
    }
    rows = [
        {
            "kind": one.kind,
            "target": one.target,
            "subject": one.subject,
            "body": json.dumps(dict(one.body)),
            "case_key": one.case,
        }
        for one in by_subject.values()
        if one.subject not in known
    ]
    if not rows:
        return set()
    # In one order, so that two transactions never wait for each other's rows.
    rows.sort(key=itemgetter("subject"))
    return set(insert_rows(session, _add(is_sqlite=is_sqlite(session)), rows).scalars())


_OUTBOX = as_table(OutboxMessage)
_KNOWN = select(_OUTBOX.c.subject).where(
    _OUTBOX.c.subject.in_(bindparam("subjects", expanding=True))
)


@cache
def _add(*, is_sqlite: bool) -> ReturningInsert[str]:
    new = upsert_into(_OUTBOX, is_sqlite=is_sqlite).on_conflict_do_nothing()
    return new.returning(_OUTBOX.c.subject)


def queue_message(
    session: Session,
    kind: str,
    target: str,
    subject: str,
    body: Mapping[str, Any],
    *,
    case: int | None = None,
) -> bool:
    """Queue a message unless one of that subject was queued before; says whether it is new."""
    return bool(queue_messages(session, [NewMessage(kind, target, subject, body, case)]))


def find_due(session: Session) -> set[tuple[str, str]]:
    """Return the (kind, target) of all messages that are due."""
    now = utc_now()
    return {place for place in _waited_for(session) if _is_due(session, *place, now)}


def _waited_for(session: Session) -> Iterator[tuple[str, str]]:
    """Yield the (kind, target) of waiting messages, from each to the next.

    Neither database passes by itself the many messages of one target.
    """
    kind, target = OutboxMessage.kind, OutboxMessage.target
    query = select(kind, target).where(OutboxMessage.next_attempt_at.is_not(None))
    query = query.order_by(kind, target).limit(1)
    found = session.execute(query).first()
    while found is not None:
        yield found[0], found[1]
        next_target = query.where(kind == found[0], target > found[1])
        # Not compared as a pair: SQLite would begin at the first of the same pair.
        found = (
            session.execute(next_target).first()
            or session.execute(query.where(kind > found[0])).first()
        )


def _is_due(session: Session, kind: str, target: str, now: datetime) -> bool:
    due = select(OutboxMessage.key).where(*_due(kind, target, now))
    return session.scalar(due.limit(1)) is not None


def _due(kind: str, target: str, now: datetime) -> list[ColumnElement[bool]]:
    return [
        OutboxMessage.kind == kind,
        OutboxMessage.target == target,
        OutboxMessage.next_attempt_at <= now,
    ]


def count_unsent(session: Session) -> dict[str, int]:
    """Return the number of waiting and of dead messages."""
    query = select(Figure.name, func.sum(Figure.number)).where(Figure.figure == "outbox")
    found = dict(session.execute(query.group_by(Figure.name)).all())
    return {name: int(found.get(name, 0)) for name in ("waiting", "dead")}


def take_due(
    session: Session, kind: str, target: str, *, limit: int
) -> tuple[list[Message], list[Message]]:
    """Return messages that are due, leased to the caller, and those that died.

    Those that have been due for longest come first. Other callers get others.
    """
    now = utc_now()
    rows = session.scalars(
        select(OutboxMessage)
        .where(*_due(kind, target, now))
        .order_by(OutboxMessage.next_attempt_at, OutboxMessage.key)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    taken, dead = [], []
    for row in rows:
        if row.attempts >= _MAX_ATTEMPTS:  # Every sender that tried it crashed.
            row.next_attempt_at, row.problem = (
                None,
                row.problem or "every process that tried to send it crashed",
            )
            dead.append(_facts(row))
            continue
        row.attempts += 1
        row.next_attempt_at = now + _LEASE
        taken.append(_facts(row))
    session.flush()
    return taken, dead


def note_sent(session: Session, key: int) -> None:
    """Record that a message was delivered, unless it was dropped meanwhile."""
    row = session.get(OutboxMessage, key)
    if row is None:
        return
    row.sent_at, row.next_attempt_at, row.problem = utc_now(), None, ""
    # The row stays, so that nothing is sent twice; the names of the content stay with the match.
    overwrite_deleted(session)
    body = json.loads(row.body)
    row.body = json.dumps({name: body[name] for name in _LEFT_AFTER_SENDING if name in body})


def note_failed(session: Session, key: int, problem: str, *, is_final: bool) -> Message | None:
    """Record why a message was not delivered; it is retried later, unless that `is_final`.

    Returns the message if it is dead now.
    """
    row = session.get(OutboxMessage, key)
    # It was dropped meanwhile, or sent by a process that took it over.
    if row is None or row.sent_at is not None:
        return None
    row.problem = problem
    if is_final or row.attempts >= _MAX_ATTEMPTS:
        row.next_attempt_at = None
        return _facts(row)
    wait = min(_FIRST_WAIT * 2 ** (row.attempts - 1), _LONGEST_WAIT)
    row.next_attempt_at = utc_now() + wait
    return None


def retry_message(session: Session, key: int) -> None:
    """Make an unsent message due now, with a new set of attempts. Raises `NotFoundError`."""
    row = _find_unsent(session, key)
    row.attempts, row.next_attempt_at = 0, utc_now()


def drop_message(session: Session, key: int) -> None:
    """Delete an unsent message. Raises `NotFoundError`."""
    row = _find_unsent(session, key)
    overwrite_deleted(session)
    session.delete(row)
    audit(session, "message.dropped", None, {"kind": row.kind, "to": row.target, "message": key})


def read_outbox(session: Session, *, limit: int) -> list[Message]:
    """Return the newest messages, newest first."""
    rows = session.scalars(select(OutboxMessage).order_by(OutboxMessage.key.desc()).limit(limit))
    return [_facts(row) for row in rows]


def read_unsent_of_case(session: Session, case: int) -> list[Message]:
    """Return the messages about a case that were not delivered yet, oldest first."""
    query = select(OutboxMessage).where(
        OutboxMessage.case_key == case, OutboxMessage.sent_at.is_(None)
    )
    return [_facts(row) for row in session.scalars(query.order_by(OutboxMessage.key))]


def _find_unsent(session: Session, key: int) -> OutboxMessage:
    row = session.get(OutboxMessage, key)
    if row is None:
        raise NotFoundError(
            f"the outbox has no message {key}", hint="'hashmatch outbox list' shows its messages."
        )
    if row.sent_at is not None:
        raise NotFoundError(f"message {key} of the outbox was sent already")
    return row


def _chunks(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(subjects), _SUBJECTS_A_QUERY):
        yield subjects[start : start + _SUBJECTS_A_QUERY]


def _facts(row: OutboxMessage) -> Message:
    return Message(
        row.key,
        row.kind,
        row.target,
        json.loads(row.body),
        row.created_at,
        row.next_attempt_at,
        row.attempts,
        row.problem,
        row.sent_at,
    )
