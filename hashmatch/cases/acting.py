"""What people do to cases: one action at a time, allowed by the table, and on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from hashmatch.config import CasesSettings
from hashmatch.errors import (
    CaseStateError,
    ForbiddenError,
    HashmatchError,
    InputError,
    NotFoundError,
    StoreError,
)
from hashmatch.store.cases import lock_case
from hashmatch.store.engine import Database, audit
from hashmatch.store.schema import Case, CaseNote, require_text, utc_now

from .opening import due_again, reopen
from .people import Person
from .states import NEEDS_A_NOTE, CaseAction, State, following, require_role

_MOST_CHARACTERS = 10_000
_DECIDING = frozenset({CaseAction.CONFIRM, CaseAction.DISMISS})
_FOUR_EYES = {CaseAction.DISMISS: "dismiss", CaseAction.REPORT: "report"}
# What ends a proposal without carrying it out.
_MOVING = frozenset(
    {
        CaseAction.REVIEW,
        CaseAction.CONFIRM,
        CaseAction.DISMISS,
        CaseAction.ESCALATE,
        CaseAction.REPORT,
        CaseAction.REPORTED,
        CaseAction.CLOSE,
        CaseAction.REOPEN,
    }
)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an action on a case: its state, and whether a second person has to agree."""

    case: int
    state: State
    waits_for_another: bool = False
    problem: HashmatchError | None = None


def decide(
    session: Session,
    settings: CasesSettings,
    case: int,
    action: CaseAction,
    person: Person,
    *,
    note: str = "",
    change: int | None = None,
) -> Done:
    """Take a decision about a case; under the four-eyes rule it waits for another person.

    `change` is the change of the case that the person has seen. Raises `NotFoundError`,
    `ForbiddenError`, `CaseStateError` and `InputError`.
    """
    if change is not None:
        require_unchanged(session, case, change)
    row = begin(session, case, action, person)
    if action is CaseAction.CLOSE and row.state == State.ESCALATED and row.told_at is None:
        raise CaseStateError(
            f"case {case} cannot be closed before somebody was told",
            hint="'hashmatch outbox list' says how its hand-over stands.",
        )
    if action in NEEDS_A_NOTE and not note.strip():
        raise InputError(f"to {action} a case needs a note that says why")
    if note.strip():
        _add_note(session, row, person, note)
    # What a person says was reported elsewhere needs the same second look as a report from here.
    if waits_for_another(settings, row, action, person):
        return propose(session, row, action, person)
    if action is CaseAction.REOPEN:
        reopen(row, due_again(settings, session, row))
    if action is CaseAction.REPORTED:
        row.told_at = utc_now()
    return move(session, row, action, person, {})


def require_unchanged(session: Session, case: int, change: int) -> None:
    """Raise `CaseStateError` where a case is no longer as somebody has seen it."""
    if lock_case(session, case).change != change:
        raise CaseStateError(
            f"case {case} was changed meanwhile", hint="Look at it again before you decide."
        )


def begin(session: Session, case: int, action: CaseAction, person: Person) -> Case:
    """Return a case to take an action on, locked. Raises what `decide` raises."""
    require_role(action, person.roles)
    row = lock_case(session, case)
    following(State(row.state), action)
    return row


def waits_for_another(
    settings: CasesSettings, row: Case, action: CaseAction, person: Person, target: str = ""
) -> bool:
    """Say whether an action, maybe towards a target, needs another person who has not agreed yet.

    Raises `ForbiddenError` where the same person asks twice.
    """
    rule = _FOUR_EYES.get(CaseAction.REPORT if action is CaseAction.REPORTED else action)
    if rule not in settings.four_eyes:
        return False
    if row.proposal != _proposal(action, target):
        return True
    if person.is_same(row.proposed_by):
        raise ForbiddenError(
            f"case {row.key}: another person than {row.proposed_by} has to agree to {action} it"
        )
    return False


def _proposal(action: CaseAction, target: str) -> str:
    return f"{action} to {target}" if target else action


def propose(
    session: Session, row: Case, action: CaseAction, person: Person, target: str = ""
) -> Done:
    """Note that a person would do so, until another one agrees or decides otherwise."""
    row.proposal, row.proposed_by = _proposal(action, target), person.name
    _changed(row)
    audit(session, "case.proposed", row, {"action": row.proposal, "person": person.name})
    return Done(row.key, State(row.state), waits_for_another=True)


def move(
    session: Session, row: Case, action: CaseAction, person: Person, facts: dict[str, object]
) -> Done:
    """Lead a case to its next state, and record it with the facts. Raises `CaseStateError`."""
    before, proposed_by = State(row.state), row.proposed_by
    row.state = following(before, action)
    if action in _DECIDING and row.decided_at is None:
        row.decided_at = utc_now()
    if action in _MOVING:
        if row.proposal.partition(" to ")[0] == action:
            facts = {**facts, "proposed_by": proposed_by}
        row.proposal, row.proposed_by = "", ""
    _changed(row)
    told = {"person": person.name, "from": before, "to": row.state, **facts}
    audit(session, f"case.{action}", row, told)
    return Done(row.key, State(row.state))


def assign(session: Session, case: int, assignee: str, person: Person) -> Done:
    """Give a case to somebody, or with an empty name to nobody. Raises what `decide` raises."""
    row = begin(session, case, CaseAction.ASSIGN, person)
    row.assignee = _checked(assignee, "the name")
    return move(session, row, CaseAction.ASSIGN, person, {"to_person": row.assignee})


def plan(
    session: Session,
    case: int,
    person: Person,
    *,
    due_at: datetime | None = None,
    priority: int | None = None,
) -> Done:
    """Say when a case is due, or how urgent it is. Raises what `decide` raises."""
    row = begin(session, case, CaseAction.PLAN, person)
    if due_at is not None:
        row.due_at = due_at
    if priority is not None:
        row.priority = priority
    facts = {"due_at": row.due_at.isoformat(), "priority": row.priority}
    return move(session, row, CaseAction.PLAN, person, facts)


def add_note(session: Session, case: int, text: str, person: Person) -> Done:
    """Say something about a case. Raises what `decide` raises."""
    row = begin(session, case, CaseAction.NOTE, person)
    if not text.strip():
        raise InputError("the note is empty")
    _add_note(session, row, person, text)
    return Done(row.key, State(row.state))


def hold(session: Session, case: int, reason: str, person: Person) -> Done:
    """Keep a case from being removed by age, or with an empty reason no longer.

    Raises what `decide` raises.
    """
    action = CaseAction.HOLD if reason.strip() else CaseAction.RELEASE
    row = begin(session, case, action, person)
    row.hold = _checked(reason, "the reason")
    return move(session, row, action, person, {})


def on_each(
    database: Database,
    cases: Sequence[int],
    person: Person,
    act: Callable[[Session, int], Done],
) -> list[Done]:
    """Do the same to many cases, each in a transaction of its own; what fails says why."""
    results = []
    broken: StoreError | None = None
    for case in dict.fromkeys(cases):
        if broken is not None:  # Others would only wait for the store as long.
            results.append(Done(case, State.OPEN, problem=broken))
            continue
        try:
            with database.writing(person.actor) as session:
                results.append(act(session, case))
        except StoreError as error:
            broken = error
            results.append(Done(case, State.OPEN, problem=error))
        except (CaseStateError, ForbiddenError, InputError, NotFoundError) as error:
            results.append(Done(case, State.OPEN, problem=error))
    return results


def _add_note(session: Session, row: Case, person: Person, text: str) -> None:
    note = CaseNote(case_key=row.key, person=person.name, text=_checked(text, "the note"))
    session.add(note)
    audit(session, "case.note", note, {"case": row.key, "person": person.name})


def _changed(row: Case) -> None:
    row.change, row.changed_at = row.change + 1, utc_now()


def _checked(text: str, what: str) -> str:
    text = text.strip()
    require_text(text)
    if len(text) > _MOST_CHARACTERS:
        raise InputError(f"{what} has more than {_MOST_CHARACTERS} characters")
    return text
