"""Duties about a case, on record: references of authorities, deadlines, and measures."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, InputError
from hashmatch.store.cases import find_merged_into, lock_case
from hashmatch.store.duties import add_duty, lock_duty, lock_measures_in_force, read_references
from hashmatch.store.engine import audit
from hashmatch.store.schema import (
    Case,
    CaseDeadline,
    CaseMeasure,
    CaseReference,
    DeadlineOutcome,
    utc_moment,
    utc_now,
)

from .actors import Actor
from .deadlines import meet_deadlines_of, meet_notifications, set_deadlines
from .decisions import ActionDone, add_reason, begin_action, checked_text, move
from .keeping import keep_for_report
from .states import CaseAction

_LONGEST_AUTHORITY, _LONGEST_REFERENCE, _LONGEST_TERRITORY = 64, 200, 1_000
# Clocks of platforms and authorities differ.
_SKEW = timedelta(minutes=5)


class Restriction(StrEnum):
    """Restriction that a platform imposes, as the EU's transparency reports name them."""

    REMOVAL = "removal"
    DISABLED = "disabled"
    DEMOTED = "demoted"
    AGE_RESTRICTED = "age_restricted"
    LABELLED = "labelled"
    ACCOUNT_SUSPENDED = "account_suspended"
    ACCOUNT_TERMINATED = "account_terminated"
    SERVICE_SUSPENDED = "service_suspended"
    SERVICE_TERMINATED = "service_terminated"
    MONETARY = "monetary"
    OTHER = "other"


class Ground(StrEnum):
    """Ground of a measure."""

    ILLEGAL = "illegal"
    TERMS = "terms"


class Automation(StrEnum):
    """Part of a measure that was decided by automated means."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


def refer(
    session: Session,
    settings: Settings,
    case: int,
    authority: str,
    reference: str,
    actor: Actor,
    *,
    made_at: datetime | None = None,
) -> ActionDone:
    """Record the reference that an authority gave to a report of a case.

    Deadlines for a report to it are met, and the record stays for as long as that of a report has
    to. One that is recorded already is left as it is. Raises what `decide` raises.
    """
    row = begin_action(session, case, CaseAction.REFER, actor)
    authority = checked_text(authority, "the authority", _LONGEST_AUTHORITY)
    reference = checked_text(reference, "the reference", _LONGEST_REFERENCE)
    if not authority or not reference:
        raise InputError("a reference needs its authority and its text")
    record_reference(
        session, settings, row, authority, reference, actor, _past(made_at, "the report")
    )
    return move(session, row, CaseAction.REFER, actor, {"authority": authority})


def record_reference(
    session: Session,
    settings: Settings,
    row: Case,
    authority: str,
    reference: str,
    actor: Actor,
    made_at: datetime,
) -> None:
    """Record a reference of a case, which is locked, unless it is there."""
    same = (authority.casefold(), reference)
    known = read_references(session, row.key)
    if same not in {(one.authority.casefold(), one.reference) for one in known}:
        new = CaseReference(
            case_key=row.key,
            authority=authority,
            reference=reference,
            made_at=made_at,
            actor=actor.name,
        )
        add_duty(session, new)
        audit(session, "case.reference", new, {"case": row.key, "actor": actor.name})
    # The case that people work on owes what a merged one did.
    live = find_merged_into(session, row)
    if live is not None:
        lock_case(session, live)
    meet_deadlines_of(session, settings, live or row.key, authority, made_at)
    keep_for_report(session, settings, live or row.key, made_at)


def end_deadline(
    session: Session, case: int, deadline: int, actor: Actor, *, waive: bool = False, note: str = ""
) -> ActionDone:
    """Note that a deadline of a case was met, or waive it for a reason.

    Raises what `decide` raises.
    """
    row = begin_action(session, case, CaseAction.DEADLINE, actor)
    found = lock_duty(session, CaseDeadline, case, deadline)
    if found.outcome != DeadlineOutcome.OPEN:
        raise CaseStateError(f"deadline {deadline} of case {case} was {found.outcome} already")
    if waive or note.strip():
        add_reason(session, row, actor, note)
    found.outcome = DeadlineOutcome.WAIVED if waive else DeadlineOutcome.MET
    found.ended_at = utc_now()
    facts: dict[str, object] = {"duty": found.duty, "outcome": found.outcome}
    audit(session, "case.deadline", found, {"case": case, "actor": actor.name, **facts})
    return move(session, row, CaseAction.DEADLINE, actor, facts)


def impose(
    session: Session,
    settings: Settings,
    case: int,
    restriction: Restriction,
    actor: Actor,
    *,
    ground: Ground,
    automation: Automation,
    territory: str = "",
    imposed_at: datetime | None = None,
) -> ActionDone:
    """Record a measure that the platform took. Raises what `decide` raises."""
    row = begin_action(session, case, CaseAction.MEASURE, actor)
    new = CaseMeasure(
        case_key=case,
        restriction=restriction,
        ground=ground,
        automation=automation,
        territory=checked_text(territory, "the territory", _LONGEST_TERRITORY),
        imposed_at=_past(imposed_at, "a measure"),
        actor=actor.name,
    )
    add_duty(session, new)
    facts = {"measure": new.key, "restriction": restriction}
    audit(session, "case.measure", new, {"case": case, "actor": actor.name})
    set_deadlines(session, settings.cases, row, "measure")
    return move(session, row, CaseAction.MEASURE, actor, facts)


def notify_uploader(session: Session, settings: Settings, case: int, actor: Actor) -> ActionDone:
    """Record that the uploader was given the reasons of the measures in force.

    Raises what `decide` raises.
    """
    row = begin_action(session, case, CaseAction.MEASURE, actor)
    found = [one for one in lock_measures_in_force(session, case) if one.notified_at is None]
    if not found:
        raise CaseStateError(f"case {case} has no measure whose reasons are still to be given")
    for one in found:
        one.notified_at = utc_now()
        audit(session, "case.measure", one, {"case": case, "notified": True})
    meet_notifications(session, settings.cases, case)
    keys = [one.key for one in found]
    return move(session, row, CaseAction.MEASURE, actor, {"measures": keys, "notified": True})


def lift(
    session: Session, case: int, actor: Actor, *, measure: int | None = None, note: str
) -> ActionDone:
    """Record that the platform lifted a measure, or all that are in force, for a reason.

    Raises what `decide` raises.
    """
    row = begin_action(session, case, CaseAction.MEASURE, actor)
    found = lock_measures_in_force(session, case)
    if measure is not None:
        lock_duty(session, CaseMeasure, case, measure)
        found = [one for one in found if one.key == measure]
    if not found:
        raise CaseStateError(f"case {case} has no such measure in force")
    add_reason(session, row, actor, note)
    for one in found:
        one.lifted_at = utc_now()
        audit(session, "case.measure", one, {"case": case, "lifted": True})
    keys = [one.key for one in found]
    return move(session, row, CaseAction.MEASURE, actor, {"measures": keys, "lifted": True})


def _past(moment: datetime | None, what: str) -> datetime:
    if moment is None:
        return utc_now()
    if (given := utc_moment(moment)) > utc_now() + _SKEW:
        raise InputError(f"the time of {what} is in the future: {given.isoformat()}")
    return given
