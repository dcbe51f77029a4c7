"""Deadlines of cases: what is owed after an event, by `[cases.deadlines]`, and what met it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.config import CasesSettings, DeadlineSettings, Settings
from hashmatch.errors import CaseStateError
from hashmatch.store.cases import read_case_matches
from hashmatch.store.duties import add_duty, lock_open_deadlines
from hashmatch.store.engine import audit
from hashmatch.store.schema import Case, CaseDeadline, DeadlineOutcome, utc_now


def set_deadlines(session: Session, settings: CasesSettings, row: Case, event: str) -> None:
    """Set what is owed of a case after an event that has just happened.

    A duty that is open already stays due when it was.
    """
    chosen = _after(settings, event)
    if not chosen:
        return
    found = {match.category for match, _ in read_case_matches(session, row)}
    is_open = {one.duty for one in lock_open_deadlines(session, row.key)}
    now = utc_now()
    for name, one in chosen.items():
        if name in is_open or (one.categories and not found.intersection(one.categories)):
            continue
        new = CaseDeadline(
            case_key=row.key,
            duty=name,
            due_at=now + timedelta(hours=one.hours),
            basis=one.basis,
            set_at=now,
            outcome=DeadlineOutcome.OPEN,
        )
        add_duty(session, new)
        audit(session, "case.deadline", new, {"case": row.key, "duty": name})


def _after(settings: CasesSettings, event: str) -> Mapping[str, DeadlineSettings]:
    return {name: one for name, one in settings.deadlines.items() if one.after == event}


def meet_deadlines_of(
    session: Session, settings: Settings, case: int, authority: str, at: datetime
) -> None:
    """Note that an authority had a report of a case at a time."""
    duties = [
        name
        for name, one in settings.cases.deadlines.items()
        if one.met_by == "reference" and one.authority.casefold() == authority.casefold()
    ]
    _end(session, case, duties, DeadlineOutcome.MET, {"authority": authority}, at)


def meet_notifications(session: Session, settings: CasesSettings, case: int) -> None:
    """Note that the uploader of a case was given the reasons of its measures."""
    duties = [name for name, one in settings.deadlines.items() if one.met_by == "notification"]
    _end(session, case, duties, DeadlineOutcome.MET, {})


def waive_deadlines(session: Session, case: int, reason: str) -> None:
    """Waive all open deadlines of a case, which owes nothing any more."""
    _end(session, case, None, DeadlineOutcome.WAIVED, {"reason": reason})


def _end(
    session: Session,
    case: int,
    duties: Sequence[str] | None,
    outcome: DeadlineOutcome,
    facts: Mapping[str, object],
    at: datetime | None = None,
) -> None:
    if duties == []:
        return
    for row in lock_open_deadlines(session, case, duties):
        row.outcome, row.ended_at = outcome, at or utc_now()
        audit(session, "case.deadline", row, {"case": case, "outcome": outcome, **facts})


def require_no_open_deadlines(session: Session, case: int) -> None:
    """Raise `CaseStateError` where a case still owes something."""
    if found := lock_open_deadlines(session, case):
        names = ", ".join(one.duty for one in found)
        raise CaseStateError(
            f"case {case} cannot be closed: it still owes {names}",
            hint=f"'hashmatch cases deadline {case} {found[0].key}' says that one was met.",
        )
