"""Decisions about cases: one action at a time, permitted by the table of states, and on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from hashmatch.config import CasesSettings, Settings
from hashmatch.cybertip import ENDED
from hashmatch.errors import (
    CaseStateError,
    ForbiddenError,
    HashmatchError,
    InputError,
    NotFoundError,
    StoreError,
)
from hashmatch.store.cases import add_case_note, find_merged_into, has_open_report, lock_case
from hashmatch.store.duties import has_open_appeal, lock_measures_in_force
from hashmatch.store.engine import Database, audit
from hashmatch.store.preservation import mark_for_preservation
from hashmatch.store.schema import Case, require_text, utc_now

from .actors import Actor
from .contributing import take_back_contributions
from .deadlines import require_no_open_deadlines, set_deadlines, waive_deadlines
from .keeping import keep_for_report
from .opening import due_again, reopen
from .states import NEEDS_A_NOTE, CaseAction, State, following, require_role, result_in

_MAX_CHARACTERS = 10_000
_DECIDING = frozenset({CaseAction.CONFIRM, CaseAction.DISMISS, CaseAction.REVERSE})
_FOUR_EYES = {
    CaseAction.DISMISS: "dismiss",
    CaseAction.REVERSE: "dismiss",
    CaseAction.REPORT: "report",
}
_NOT_IF_MERGED = frozenset(
    {
        CaseAction.REOPEN,
        CaseAction.HOLD,
        CaseAction.MEASURE,
        CaseAction.APPEAL,
        CaseAction.ANSWER,
        CaseAction.REVERSE,
        CaseAction.RETAIN,
        CaseAction.DESTROY,
    }
)
# Actions that end a proposal without carrying it out.
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
        CaseAction.REVERSE,
    }
)


@dataclass(frozen=True, slots=True)
class ActionDone:
    """A case after an action: its state, and whether the action needs a second approval."""

    case: int
    state: State
    needs_second_approval: bool = False


@dataclass(frozen=True, slots=True)
class ActionFailed:
    """An action on a case that failed; the case is unchanged."""

    case: int
    error: HashmatchError


ActionResult: TypeAlias = ActionDone | ActionFailed


def decide(
    session: Session,
    settings: Settings,
    case: int,
    action: CaseAction,
    actor: Actor,
    *,
    note: str = "",
    revision: int | None = None,
) -> ActionDone:
    """Decide about a case; under the four-eyes rule the decision needs a second approval.

    `revision` is the revision of the case that the actor has seen. Raises `NotFoundError`,
    `ForbiddenError`, `CaseStateError` and `InputError`.
    """
    if revision is not None:
        require_unchanged(session, case, revision)
    row = begin_action(session, case, action, actor)
    if action is CaseAction.CLOSE:
        _require_closable(session, row)
    if action in NEEDS_A_NOTE and not note.strip():
        raise InputError(f"the action {action} needs a note with the reason")
    if note.strip():
        add_reason(session, row, actor, note)
    # A report made elsewhere needs the same second approval as a report from here.
    if needs_second_approval(settings.cases, row, action, actor):
        return propose(session, row, action, actor)
    match action:
        case CaseAction.REOPEN:
            reopen(row, due_again(settings.cases, session, row))
        case CaseAction.CONFIRM:
            set_deadlines(session, settings.cases, row, "confirmed")
        case CaseAction.DISMISS:
            end_confirmation(session, case, actor, "the case was dismissed")
        case CaseAction.REPORTED:
            row.notified_at = utc_now()
            set_deadlines(session, settings.cases, row, "reported")
            keep_for_report(session, settings, case, utc_now())
    return move(session, row, action, actor, {})


def end_confirmation(session: Session, case: int, actor: Actor, reason: str) -> None:
    """Take back what rested on the confirmation of a case, which was wrong."""
    take_back_contributions(session, case, actor)
    waive_deadlines(session, case, reason)


def _require_closable(session: Session, row: Case) -> None:
    """Raise `CaseStateError` where something about a case is under way, or still owed."""
    case, problem, hint = row.key, "", ""
    if row.state == State.ESCALATED and row.notified_at is None:
        problem = "before its escalation was delivered"
        hint = "'hashmatch outbox list' shows the state of its messages."
    elif has_open_report(session, case, ENDED):
        problem = "while a report of it to NCMEC is under way"
        hint = "'hashmatch cases show' has its stage; retry, retract or settle it."
    elif has_open_appeal(session, case):
        problem = "while an appeal is open"
        hint = f"'hashmatch cases answer {case}' decides about it."
    elif row.state == State.FALSE_POSITIVE and lock_measures_in_force(session, case):
        problem = "while measures are in force on what was no match"
        hint = f"'hashmatch cases lift {case}' says that they were lifted."
    if problem:
        raise CaseStateError(f"case {case} cannot be closed {problem}", hint=hint)
    require_no_open_deadlines(session, case)


def require_unchanged(session: Session, case: int, revision: int) -> None:
    """Raise `CaseStateError` where a case is no longer at that revision."""
    if lock_case(session, case).revision != revision:
        raise CaseStateError(
            f"case {case} was changed meanwhile", hint="Look at it again before you decide."
        )


def begin_action(session: Session, case: int, action: CaseAction, actor: Actor) -> Case:
    """Return a case to take an action on, locked. Raises what `decide` raises."""
    require_role(action, actor.roles)
    row = lock_case(session, case)
    following(State(row.state), action)
    if action in _NOT_IF_MERGED and (into := find_merged_into(session, row)) is not None:
        raise CaseStateError(
            f"case {case} was merged into case {into}, which is of the same content id",
            hint=f"Look at case {into}: it has all matches.",
        )
    return row


def needs_second_approval(
    settings: CasesSettings, row: Case, action: CaseAction, actor: Actor, target: str = ""
) -> bool:
    """Say whether an action, towards a target if it has one, still needs a second approval.

    Raises `ForbiddenError` where the same actor would give both.
    """
    rule = _FOUR_EYES.get(CaseAction.REPORT if action is CaseAction.REPORTED else action)
    if rule not in settings.four_eyes:
        return False
    if row.proposal != _proposal(action, target):
        return True
    if actor.is_same(row.proposed_by):
        raise ForbiddenError(
            f"case {row.key}: somebody other than {row.proposed_by} has to approve to {action} it"
        )
    return False


def _proposal(action: CaseAction, target: str) -> str:
    return f"{action} to {target}" if target else action


def propose(
    session: Session, row: Case, action: CaseAction, actor: Actor, target: str = ""
) -> ActionDone:
    """Record an action as proposed, until another actor approves it or decides otherwise."""
    row.proposal, row.proposed_by = _proposal(action, target), actor.name
    _changed(row)
    audit(session, "case.proposed", row, {"action": row.proposal, "actor": actor.name})
    return ActionDone(row.key, State(row.state), needs_second_approval=True)


def move(
    session: Session, row: Case, action: CaseAction, actor: Actor, facts: dict[str, object]
) -> ActionDone:
    """Move a case to its next state, and record the action. Raises `CaseStateError`."""
    before, proposed_by = State(row.state), row.proposed_by
    after = following(before, action)
    row.state, row.result = after, result_in(after, row.result)
    if action in _DECIDING and row.decided_at is None:
        row.decided_at = utc_now()
    if action in _MOVING:
        if row.proposal.partition(" to ")[0] == action:
            facts = {**facts, "proposed_by": proposed_by}
        row.proposal, row.proposed_by = "", ""
    _changed(row)
    mark_for_preservation(session, [row.key])
    facts = {"actor": actor.name, "from": before, "to": row.state, **facts}
    audit(session, f"case.{action}", row, facts)
    return ActionDone(row.key, State(row.state))


def assign(session: Session, case: int, assignee: str, actor: Actor) -> ActionDone:
    """Assign a case, with an empty name to nobody. Raises what `decide` raises."""
    row = begin_action(session, case, CaseAction.ASSIGN, actor)
    row.assignee = checked_text(assignee, "the name")
    return move(session, row, CaseAction.ASSIGN, actor, {"assignee": row.assignee})


def plan(
    session: Session,
    case: int,
    actor: Actor,
    *,
    due_at: datetime | None = None,
    priority: int | None = None,
) -> ActionDone:
    """Set the due time of a case, its priority, or both. Raises what `decide` raises."""
    row = begin_action(session, case, CaseAction.PLAN, actor)
    if due_at is not None:
        row.due_at = due_at
    if priority is not None:
        row.priority = priority
    facts = {"due_at": row.due_at.isoformat(), "priority": row.priority}
    return move(session, row, CaseAction.PLAN, actor, facts)


def add_note(session: Session, case: int, text: str, actor: Actor) -> ActionDone:
    """Add a note to a case. Raises what `decide` raises."""
    row = begin_action(session, case, CaseAction.NOTE, actor)
    if not text.strip():
        raise InputError("the note is empty")
    add_reason(session, row, actor, text)
    return ActionDone(row.key, State(row.state))


def hold(session: Session, case: int, reason: str, actor: Actor, *, note: str = "") -> ActionDone:
    """Place a case under a legal hold, or with an empty reason release it.

    The reason stays as a note when the hold has ended; `note` says why it ended. Raises what
    `decide` raises.
    """
    action = CaseAction.HOLD if reason.strip() else CaseAction.RELEASE
    row = begin_action(session, case, action, actor)
    row.legal_hold = checked_text(reason, "the reason")
    if why := (row.legal_hold or note.strip()):
        add_reason(session, row, actor, why)
    return move(session, row, action, actor, {})


def act_on_each(
    database: Database,
    cases: Sequence[int],
    actor: Actor,
    act: Callable[[Session, int], ActionDone],
) -> list[ActionResult]:
    """Take the same action on many cases, each in a transaction of its own."""
    results: list[ActionResult] = []
    store_error: StoreError | None = None
    for case in dict.fromkeys(cases):
        if store_error is not None:  # The others would only wait as long for the store.
            results.append(ActionFailed(case, store_error))
            continue
        try:
            with database.writing(actor.audit_name) as session:
                results.append(act(session, case))
        except StoreError as error:
            store_error = error
            results.append(ActionFailed(case, error))
        except (CaseStateError, ForbiddenError, InputError, NotFoundError) as error:
            results.append(ActionFailed(case, error))
    return results


def add_reason(session: Session, row: Case, actor: Actor, text: str) -> None:
    """Add a note to a case that an action is taken on. Raises `InputError`."""
    if not text.strip():
        raise InputError("this needs a note with the reason")
    note = add_case_note(session, row.key, actor.name, checked_text(text, "the note"))
    audit(session, "case.note", note, {"case": row.key, "actor": actor.name})


def _changed(row: Case) -> None:
    row.revision, row.changed_at = row.revision + 1, utc_now()


def checked_text(text: str, what: str, longest: int = _MAX_CHARACTERS) -> str:
    """Return a text without space around it. Raises `InputError` where it cannot be kept."""
    text = text.strip()
    require_text(text)
    if len(text) > longest:
        raise InputError(f"{what} has more than {longest} characters")
    return text
