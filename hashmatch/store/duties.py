"""Duties about cases in the store: references, deadlines, measures and appeals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError

from .schema import (
    AppealState,
    Case,
    CaseAppeal,
    CaseDeadline,
    CaseMeasure,
    CaseReference,
    Content,
    DeadlineOutcome,
)

_Row = TypeVar("_Row", CaseAppeal, CaseDeadline, CaseMeasure)
# What people call the rows of a table.
_NAMES = {CaseAppeal: "appeal", CaseDeadline: "deadline", CaseMeasure: "measure"}


@dataclass(frozen=True, slots=True)
class DueOfCase:
    """Deadline or appeal that is open, with its case and the content id of that."""

    key: int
    case: int
    content_id: str
    duty: str
    due_at: datetime
    basis: str


def add_duty(
    session: Session, row: CaseAppeal | CaseDeadline | CaseMeasure | CaseReference
) -> None:
    """Add a row of a case, which has its key afterwards."""
    session.add(row)
    session.flush()


def lock_duty(session: Session, table: type[_Row], case: int, key: int) -> _Row:
    """Return a row of a case to be changed. Raises `NotFoundError`."""
    query = select(table).where(table.key == key, table.case_key == case).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError(
            f"case {case} has no {_NAMES[table]} {key}", hint="'hashmatch cases show' has them."
        )
    return row


def read_references(session: Session, case: int) -> list[CaseReference]:
    """Return the references of a case, oldest first."""
    query = select(CaseReference).where(CaseReference.case_key == case)
    return list(session.scalars(query.order_by(CaseReference.key)))


def find_references(session: Session, reference: str, *, limit: int) -> list[CaseReference]:
    """Return where a reference was recorded, also of cases that were removed since."""
    query = select(CaseReference).where(CaseReference.reference == reference)
    return list(session.scalars(query.order_by(CaseReference.authority).limit(limit)))


def read_deadlines(session: Session, case: int) -> list[CaseDeadline]:
    """Return the deadlines of a case, in the order in which they were set."""
    query = select(CaseDeadline).where(CaseDeadline.case_key == case)
    return list(session.scalars(query.order_by(CaseDeadline.key)))


def lock_open_deadlines(
    session: Session, case: int, duties: Sequence[str] | None = None
) -> list[CaseDeadline]:
    """Return the open deadlines of a case, or those of some duties, to be changed."""
    query = select(CaseDeadline).where(
        CaseDeadline.case_key == case, CaseDeadline.outcome == DeadlineOutcome.OPEN
    )
    if duties is not None:
        query = query.where(CaseDeadline.duty.in_(duties))
    return list(session.scalars(query.order_by(CaseDeadline.key).with_for_update()))


def read_open_deadlines(
    session: Session, *, before: datetime | None = None, limit: int
) -> list[DueOfCase]:
    """Return open deadlines of all cases, those that are due first, first."""
    query = (
        select(
            CaseDeadline.key,
            CaseDeadline.case_key,
            Content.content_id,
            CaseDeadline.duty,
            CaseDeadline.due_at,
            CaseDeadline.basis,
        )
        .join(Case, Case.key == CaseDeadline.case_key)
        .join(Content, Content.key == Case.content_key)
        .where(CaseDeadline.outcome == DeadlineOutcome.OPEN)
        .order_by(CaseDeadline.due_at, CaseDeadline.key)
        .limit(limit)
    )
    if before is not None:
        query = query.where(CaseDeadline.due_at < before)
    return [DueOfCase(*row) for row in session.execute(query)]


def read_open_appeals(
    session: Session, *, before: datetime | None = None, limit: int
) -> list[DueOfCase]:
    """Return open appeals of all cases, those that are due first, first."""
    query = (
        select(
            CaseAppeal.key,
            CaseAppeal.case_key,
            Content.content_id,
            CaseAppeal.channel,
            CaseAppeal.due_at,
            CaseAppeal.appellant,
        )
        .join(Case, Case.key == CaseAppeal.case_key)
        .join(Content, Content.key == Case.content_key)
        .where(CaseAppeal.state == AppealState.RECEIVED)
        .order_by(CaseAppeal.due_at, CaseAppeal.key)
        .limit(limit)
    )
    if before is not None:
        query = query.where(CaseAppeal.due_at < before)
    return [DueOfCase(*row) for row in session.execute(query)]


def read_measures(session: Session, case: int) -> list[CaseMeasure]:
    """Return the measures of a case, oldest first."""
    query = select(CaseMeasure).where(CaseMeasure.case_key == case)
    return list(session.scalars(query.order_by(CaseMeasure.key)))


def lock_measures_in_force(session: Session, case: int) -> list[CaseMeasure]:
    """Return the measures of a case that were not lifted, to be changed."""
    query = select(CaseMeasure).where(CaseMeasure.case_key == case, CaseMeasure.lifted_at.is_(None))
    return list(session.scalars(query.order_by(CaseMeasure.key).with_for_update()))


def read_appeals(session: Session, case: int) -> list[CaseAppeal]:
    """Return the appeals of a case, oldest first."""
    query = select(CaseAppeal).where(CaseAppeal.case_key == case)
    return list(session.scalars(query.order_by(CaseAppeal.key)))


def has_open_appeal(session: Session, case: int) -> bool:
    """Say whether an appeal of a case was not decided yet."""
    query = select(CaseAppeal.key).where(
        CaseAppeal.case_key == case, CaseAppeal.state == AppealState.RECEIVED
    )
    return session.scalar(query.limit(1)) is not None
