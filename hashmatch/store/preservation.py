"""Retention classes of cases in the store, and calls to the vault that keeps their content."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from .engine import among, as_table, is_sqlite, upsert_into
from .schema import CasePreservation, CaseRetention, PreservationCheck, PreservationState


def find_retention(session: Session, case: int) -> CaseRetention | None:
    """Return the retention class of a case, None where it is the configured one."""
    return session.get(CaseRetention, case, populate_existing=True)


def save_retention(
    session: Session, case: int, retention_class: str, keep_until: datetime | None
) -> CaseRetention:
    """Set the retention class of a case, which is locked, and until when it has to stay."""
    row = find_retention(session, case)
    if row is None:
        row = CaseRetention(case_key=case)
        session.add(row)
    row.retention_class, row.keep_until = retention_class, keep_until
    return row


def find_preservation(session: Session, case: int) -> CasePreservation | None:
    """Return the last call to the vault about a case."""
    return session.get(CasePreservation, case, populate_existing=True)


def save_preservation(
    session: Session, case: int, state: str, reason: str, until: datetime | None
) -> CasePreservation:
    """Record the next call to the vault about a case, which is locked."""
    row = find_preservation(session, case)
    if row is None:
        row = CasePreservation(case_key=case, sequence=0, delivered=0)
        session.add(row)
    row.sequence, row.state, row.reason, row.until = row.sequence + 1, state, reason, until
    session.flush()
    return row


def note_delivered(session: Session, case: int, sequence: int) -> CasePreservation | None:
    """Note that the vault accepted a call, and return the case's newest; None once it is gone."""
    query = select(CasePreservation).where(CasePreservation.case_key == case).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is not None:
        row.delivered = max(row.delivered, sequence)
    return row


def mark_for_preservation(session: Session, cases: Sequence[int]) -> None:
    """Have the preservation of cases looked at, which changed in this transaction."""
    if cases:
        new = upsert_into(as_table(PreservationCheck), is_sqlite=is_sqlite(session))
        rows = [{"case_key": one} for one in sorted(cases)]
        session.execute(new.on_conflict_do_nothing(), rows)


def read_preservation_checks(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Return some cases whose preservation is to be looked at: changed ones, or those past it."""
    changed = select(PreservationCheck.case_key).order_by(PreservationCheck.case_key)
    found = list(session.scalars(changed.limit(limit)))
    expired = (
        select(CasePreservation.case_key)
        .where(CasePreservation.state == PreservationState.PRESERVED, CasePreservation.until <= now)
        .order_by(CasePreservation.until, CasePreservation.case_key)
    )
    return list(dict.fromkeys([*found, *session.scalars(expired.limit(limit))]))


def end_preservation_checks(session: Session, cases: Sequence[int]) -> None:
    """Note that the preservation of cases, which are locked, was looked at."""
    # One by one: SQLite goes through the whole table for several, short as it is.
    checks = as_table(PreservationCheck)
    one = delete(checks).where(checks.c.case_key == bindparam("case"))
    if cases:
        session.execute(one, [{"case": key} for key in cases])


def read_preserved(session: Session, cases: Sequence[int]) -> list[CasePreservation]:
    """Return the newest calls of those of these cases whose content the vault holds."""
    # By the cases alone: an index of the state is there, too, which nearly all share.
    query = select(CasePreservation).where(among(session, CasePreservation.case_key, cases))
    found = session.scalars(query.order_by(CasePreservation.case_key))
    return [one for one in found if one.state == PreservationState.PRESERVED]
