"""Counts of reports to others, and where the record begins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..schema import Case, CaseReference, HashList, NCMECReport
from .grouping import CaseClass, Span, of_class


def count_finished_reports(session: Session, span: Span, chosen: CaseClass | None = None) -> int:
    """Return the number of reports to NCMEC that were finished in a period, none to its test."""
    query = (
        select(func.count())
        .select_from(NCMECReport)
        .join(Case, Case.key == NCMECReport.case_key)
        .where(
            *span.has(NCMECReport.finished_at), NCMECReport.is_test.is_(False), *of_class(chosen)
        )
    )
    return session.scalar(query) or 0


def count_references(
    session: Session, span: Span, chosen: CaseClass | None = None
) -> dict[str, int]:
    """Return the number of references that each authority gave in a period, by its name.

    They outlive their cases; of a class, only those whose case is still there count.
    """
    query = select(CaseReference.authority, func.count()).where(*span.has(CaseReference.made_at))
    if chosen is not None:
        query = query.join(Case, Case.key == CaseReference.case_key).where(chosen.condition())
    query = query.group_by(CaseReference.authority).order_by(CaseReference.authority)
    return dict(session.execute(query).all())


def read_beginning(session: Session) -> datetime | None:
    """Return when the first list was created: nothing was matched before. None without a list."""
    return session.scalar(select(func.min(HashList.created_at)))
