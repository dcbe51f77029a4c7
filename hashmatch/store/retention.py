"""Removal of what has reached the end of its retention, a batch in each transaction.

Every removal of an audited row is recorded, by key alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, exists, func, select
from sqlalchemy.orm import Session

from .cases import lock_case
from .engine import audit, row_key
from .evaluations import keep_results
from .schema import (
    AllowedMatchRecord,
    Base,
    Case,
    CaseNote,
    Content,
    ContentHash,
    DailyCount,
    MatchRecord,
    NCMECReport,
    OutboxMessage,
    UploaderDetails,
)

_CASES_AT_ONCE = 100
_ROWS_AT_ONCE = 1_000


def count_old_cases(session: Session, before: datetime, *, state: str, ended: Sequence[str]) -> int:
    """Return the number of cases in a state that were last changed before a time."""
    return _count(session, _old_cases(before, state, ended))


def remove_old_cases(
    session: Session, before: datetime, *, state: str, ended: Sequence[str]
) -> Counter[str]:
    """Remove some of these cases with everything that belongs to them; returns rows by table.

    Cases under a legal hold stay, and those with a message or a report under way; `ended` are the
    stages of reports that are not.
    """
    removed = Counter[str]()
    old = _old_cases(before, state, ended)
    found = session.execute(old.with_only_columns(Case.key, Case.content_key)).all()
    for key, content_key in found:
        # In the order in which scans lock them; the case may have changed by then.
        content = session.get_one(Content, content_key, with_for_update=True)
        again = old.where(Case.key == key).with_for_update(of=Case)
        case = session.scalar(again.execution_options(populate_existing=True))
        if case is not None:
            removed += _remove_case(session, case, content)
    return removed


def count_old_details(session: Session, before: datetime, *, needed: Sequence[str]) -> int:
    """Return the number of uploader details received before a time, of cases past `needed`."""
    return _count(session, _old_details(before, needed))


def remove_old_details(
    session: Session, before: datetime, *, needed: Sequence[str]
) -> Counter[str]:
    """Remove some of these details, but for cases under a legal hold."""
    removed = Counter[str]()
    old = _old_details(before, needed)
    for key in session.scalars(old.with_only_columns(UploaderDetails.case_key)).all():
        lock_case(session, key)  # Like a session that sets a legal hold or stores details.
        again = old.where(UploaderDetails.case_key == key)
        row = session.scalar(again.execution_options(populate_existing=True))
        if row is not None:
            _remove_row(session, row)
            removed += {"details": 1}
    return removed


def count_old_messages(session: Session, before: datetime) -> int:
    """Return the number of finished messages created before a time."""
    return _count(session, _old_messages(before))


def remove_old_messages(session: Session, before: datetime) -> Counter[str]:
    """Remove some of these messages."""
    rows = session.scalars(_old_messages(before)).all()
    for row in rows:
        session.delete(row)
    return Counter({"messages": len(rows)} if rows else {})


def count_old_days(session: Session, before: datetime) -> int:
    """Return the number of days before a time that have counts."""
    return len(session.scalars(_old_days(before)).all())


def remove_old_days(session: Session, before: datetime) -> Counter[str]:
    """Remove the counts of these days."""
    days = session.scalars(_old_days(before)).all()
    session.execute(delete(DailyCount).where(DailyCount.day < before.date()))
    return Counter({"daily_counts": len(days)} if days else {})


def _count(session: Session, query: Select[Any]) -> int:
    found = query.limit(None).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def _old_cases(before: datetime, state: str, ended: Sequence[str]) -> Select[Case]:
    own_report = (NCMECReport.case_key == Case.key) & NCMECReport.stage.not_in(ended)
    own_message = (OutboxMessage.case_key == Case.key) & OutboxMessage.next_attempt_at.is_not(None)
    return (
        select(Case)
        .where(Case.state == state, Case.changed_at < before, Case.legal_hold == "")
        .where(~exists().where(own_report), ~exists().where(own_message))
        .order_by(Case.key)
        .limit(_CASES_AT_ONCE)
    )


def _remove_case(session: Session, case: Case, content: Content) -> Counter[str]:
    removed = Counter({"cases": 1})
    keep_results(session, content.key, case.result)
    for table, owner in (
        (CaseNote, CaseNote.case_key == case.key),
        (UploaderDetails, UploaderDetails.case_key == case.key),
        (NCMECReport, NCMECReport.case_key == case.key),
        (MatchRecord, MatchRecord.content_key == content.key),
        (AllowedMatchRecord, AllowedMatchRecord.content_key == content.key),
    ):
        removed += _remove_rows(session, table, owner)
    session.execute(delete(ContentHash).where(ContentHash.content_key == content.key))
    # Those that never arrived still hold the names of the content.
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
    removed = (row.__tablename__, row_key(row))
    session.delete(row)
    audit(session, "retention.removed", None, {}, removed=removed)


def _old_details(before: datetime, needed: Sequence[str]) -> Select[UploaderDetails]:
    return (
        select(UploaderDetails)
        .join(Case, Case.key == UploaderDetails.case_key)
        .where(
            UploaderDetails.received_at < before,
            Case.legal_hold == "",
            Case.state.not_in(needed),
        )
        .limit(_CASES_AT_ONCE)
    )


def _old_messages(before: datetime) -> Select[OutboxMessage]:
    """Select messages that were sent, or are dead and not about a case; those end with the case."""
    is_done = OutboxMessage.sent_at.is_not(None) | OutboxMessage.case_key.is_(None)
    return (
        select(OutboxMessage)
        .where(OutboxMessage.next_attempt_at.is_(None), OutboxMessage.created_at < before, is_done)
        .limit(_ROWS_AT_ONCE)
    )


def _old_days(before: datetime) -> Select[Any]:
    return select(DailyCount.day).where(DailyCount.day < before.date()).distinct()
