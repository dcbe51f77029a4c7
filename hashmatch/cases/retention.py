"""What is kept for how long: by state and age, but for legal holds, and on record when it goes.

The audit chain stays. Of what was removed it holds keys and hashes, and no names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Select, delete, exists, func, select, text
from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.cybertip import ENDED
from hashmatch.store.cases import lock_case
from hashmatch.store.engine import Database, audit, is_sqlite
from hashmatch.store.schema import (
    Base,
    Case,
    CaseDetails,
    CaseNote,
    Content,
    ContentHash,
    DailyCount,
    MatchRecord,
    NCMECReport,
    OutboxMessage,
    SuppressionRecord,
    utc_now,
)

from .states import State

_CASES_AT_ONCE = 100
_ROWS_AT_ONCE = 1_000
# Whose uploaders are still asked about.
_NEED_DETAILS = (State.OPEN, State.IN_REVIEW, State.CONFIRMED, State.ESCALATED)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What goes after how many days; `part` is what it is called."""

    part: str
    days: float
    remove: Callable[[Session, datetime], Counter[str]]
    count: Callable[[Session, datetime], int]


def apply_retention(database: Database, settings: Settings, *, dry_run: bool) -> dict[str, int]:
    """Remove what is older than the settings keep it; returns how much of what.

    With `dry_run` nothing is removed, and only cases, details, messages and days are counted. May
    be interrupted and called again. Raises `StoreError`.
    """
    now, removed = utc_now(), Counter[str]()
    for rule in _rules(settings):
        if not rule.days:
            continue
        before = now - timedelta(days=rule.days)
        if dry_run:
            with database.reading() as session:
                removed[rule.part] += rule.count(session, before)
            continue
        while True:
            with database.writing() as session:
                if is_sqlite(session):
                    session.execute(text("PRAGMA secure_delete = ON"))
                found = rule.remove(session, before)
                if found:
                    audit(session, "retention.applied", None, {"rule": rule.part, **found})
            if not found:
                break
            removed += found
    if removed and not dry_run:
        database.forget_deleted()
    return dict(removed)


def _rules(settings: Settings) -> Iterator[_Rule]:
    kept = settings.retention
    for state, days in (
        (State.FALSE_POSITIVE, kept.false_positive_days),
        (State.CLOSED, kept.closed_days),
    ):
        yield _Rule("cases", days, partial(_remove_cases, state), partial(_count_cases, state))
    yield _Rule(
        "details",
        kept.details_days,
        _remove_details,
        lambda session, before: _count(session, _old_details(before)),
    )
    yield _Rule(
        "messages",
        kept.outbox_days,
        _remove_messages,
        lambda session, before: _count(session, _old_messages(before)),
    )
    yield _Rule(
        "daily_counts",
        kept.daily_count_days,
        _remove_days,
        lambda session, before: len(session.scalars(_old_days(before)).all()),
    )


def _count(session: Session, query: Select[Any]) -> int:
    found = query.limit(None).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def _old_cases(state: State, before: datetime) -> Select[Case]:
    """Find cases that are old enough, and of which nothing is on its way to anybody."""
    own_report = (NCMECReport.case_key == Case.key) & NCMECReport.stage.not_in(ENDED)
    own_message = (OutboxMessage.case_key == Case.key) & OutboxMessage.next_attempt_at.is_not(None)
    return (
        select(Case)
        .where(Case.state == state, Case.changed_at < before, Case.hold == "")
        .where(~exists().where(own_report), ~exists().where(own_message))
        .order_by(Case.key)
        .limit(_CASES_AT_ONCE)
    )


def _count_cases(state: State, session: Session, before: datetime) -> int:
    return _count(session, _old_cases(state, before))


def _remove_cases(state: State, session: Session, before: datetime) -> Counter[str]:
    removed = Counter[str]()
    old = _old_cases(state, before)
    found = session.execute(old.with_only_columns(Case.key, Case.content_key)).all()
    for key, content_key in found:
        # In the order in which scans lock them; by then something else may have become of the case.
        content = session.get_one(Content, content_key, with_for_update=True)
        again = old.where(Case.key == key).with_for_update(of=Case)
        case = session.scalar(again.execution_options(populate_existing=True))
        if case is not None:
            removed += _remove_case(session, case, content)
    return removed


def _remove_case(session: Session, case: Case, content: Content) -> Counter[str]:
    removed = Counter({"cases": 1})
    for table, owner in (
        (CaseNote, CaseNote.case_key == case.key),
        (CaseDetails, CaseDetails.case_key == case.key),
        (NCMECReport, NCMECReport.case_key == case.key),
        (MatchRecord, MatchRecord.content_key == content.key),
        (SuppressionRecord, SuppressionRecord.content_key == content.key),
    ):
        removed += _remove_rows(session, table, owner)
    session.execute(delete(ContentHash).where(ContentHash.content_key == content.key))
    # Those that never arrived still have its names in them.
    session.execute(delete(OutboxMessage).where(OutboxMessage.case_key == case.key))
    session.flush()
    _remove_row(session, case)
    session.flush()
    _remove_row(session, content)
    return removed


def _remove_rows(session: Session, table: type[Base], owner: Any) -> Counter[str]:
    rows = session.scalars(select(table).where(owner)).all()
    for row in rows:
        _remove_row(session, row)
    return Counter({table.__tablename__: len(rows)} if rows else {})


def _remove_row(session: Session, row: Base) -> None:
    key = getattr(row, row.audited[0])
    session.delete(row)
    audit(session, "retention.removed", None, {}, removed=(row.__tablename__, key))


def _old_details(before: datetime) -> Select[CaseDetails]:
    return (
        select(CaseDetails)
        .join(Case, Case.key == CaseDetails.case_key)
        .where(CaseDetails.given_at < before, Case.hold == "", Case.state.not_in(_NEED_DETAILS))
        .limit(_CASES_AT_ONCE)
    )


def _remove_details(session: Session, before: datetime) -> Counter[str]:
    removed = Counter[str]()
    old = _old_details(before)
    for key in session.scalars(old.with_only_columns(CaseDetails.case_key)).all():
        lock_case(session, key)  # As whoever holds it or gives others does.
        again = old.where(CaseDetails.case_key == key)
        row = session.scalar(again.execution_options(populate_existing=True))
        if row is not None:
            _remove_row(session, row)
            removed += {"details": 1}
    return removed


def _old_messages(before: datetime) -> Select[OutboxMessage]:
    """Find messages that were sent, or are dead and not about a case, which ends with its case."""
    is_done = OutboxMessage.sent_at.is_not(None) | OutboxMessage.case_key.is_(None)
    return (
        select(OutboxMessage)
        .where(OutboxMessage.next_attempt_at.is_(None), OutboxMessage.created_at < before, is_done)
        .limit(_ROWS_AT_ONCE)
    )


def _remove_messages(session: Session, before: datetime) -> Counter[str]:
    rows = session.scalars(_old_messages(before)).all()
    for row in rows:
        session.delete(row)
    return Counter({"messages": len(rows)} if rows else {})


def _old_days(before: datetime) -> Select[Any]:
    return select(DailyCount.day).where(DailyCount.day < before.date()).distinct()


def _remove_days(session: Session, before: datetime) -> Counter[str]:
    days = session.scalars(_old_days(before)).all()
    session.execute(delete(DailyCount).where(DailyCount.day < before.date()))
    return Counter({"daily_counts": len(days)} if days else {})
