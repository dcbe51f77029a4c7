"""States of a case as one table: where each action leads, and which roles may take it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from hashmatch.errors import CaseStateError, ForbiddenError
from hashmatch.store.schema import ReviewResult


class State(StrEnum):
    """State of a case."""

    OPEN = "open"
    IN_REVIEW = "in_review"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false_positive"
    ESCALATED = "escalated"
    REPORTED = "reported"
    CLOSED = "closed"


# States that still need a decision or an escalation.
PENDING = (State.OPEN, State.IN_REVIEW, State.CONFIRMED)


# A case that is closed keeps the result that it had.
_RESULTS: Mapping[State, ReviewResult] = {
    State.OPEN: ReviewResult.OPEN,
    State.IN_REVIEW: ReviewResult.OPEN,
    State.CONFIRMED: ReviewResult.CONFIRMED,
    State.FALSE_POSITIVE: ReviewResult.FALSE_POSITIVE,
    State.ESCALATED: ReviewResult.CONFIRMED,
    State.REPORTED: ReviewResult.CONFIRMED,
}


def result_in(state: State, before: str) -> str:
    """Return the result of the review of a case that comes to a state."""
    return _RESULTS.get(state, before)


class CaseAction(StrEnum):
    """Action on a case."""

    ASSIGN = "assign"
    PLAN = "plan"
    NOTE = "note"
    DETAIL = "detail"
    REVIEW = "review"
    CONFIRM = "confirm"
    DISMISS = "dismiss"
    ESCALATE = "escalate"
    REPORT = "report"
    CLOSE = "close"
    REOPEN = "reopen"
    HOLD = "hold"
    RELEASE = "release"
    MATCH = "match"
    CONTENT = "content"
    REPORTED = "reported"
    RETRACT = "retract"
    SETTLE = "settle"
    CONTRIBUTE = "contribute"
    UNDELIVERED = "undelivered"
    REFER = "refer"
    DEADLINE = "deadline"
    MEASURE = "measure"
    APPEAL = "appeal"
    ANSWER = "answer"
    REVERSE = "reverse"
    RETAIN = "retain"
    DESTROY = "destroy"


class Role(StrEnum):
    """Role of an actor: the scopes of tokens, and hashmatch itself."""

    SCANNER = "scan"
    REVIEWER = "review"
    EXPORTER = "export"
    ADMINISTRATOR = "admin"
    SENIOR = "senior"
    SYSTEM = "system"


Transitions: TypeAlias = Mapping[State, State]
_ALL = tuple(State)
_WORKED_ON = (State.OPEN, State.IN_REVIEW, State.CONFIRMED, State.ESCALATED)


def _stay(*states: State) -> Transitions:
    return {state: state for state in states}


def _lead(*states: State, to: State) -> Transitions:
    return dict.fromkeys(states, to)


# REPORT queues a report to an authority and leads to "escalated"; REPORTED, once the authority has
# it, to "reported". A confirmed case cannot be closed before anybody was notified.
TRANSITIONS: Mapping[CaseAction, Transitions] = {
    CaseAction.ASSIGN: _stay(*(one for one in _ALL if one is not State.CLOSED)),
    CaseAction.PLAN: _stay(*_WORKED_ON),
    CaseAction.NOTE: _stay(*_ALL),
    CaseAction.DETAIL: _stay(*(one for one in _ALL if one is not State.CLOSED)),
    CaseAction.REVIEW: _lead(State.OPEN, to=State.IN_REVIEW),
    CaseAction.CONFIRM: _lead(State.OPEN, State.IN_REVIEW, to=State.CONFIRMED),
    CaseAction.DISMISS: _lead(
        State.OPEN, State.IN_REVIEW, State.CONFIRMED, to=State.FALSE_POSITIVE
    ),
    CaseAction.ESCALATE: {
        **_lead(State.CONFIRMED, State.ESCALATED, to=State.ESCALATED),
        **_stay(State.REPORTED),
    },
    CaseAction.REPORT: _lead(State.CONFIRMED, State.ESCALATED, to=State.ESCALATED),
    CaseAction.CLOSE: _lead(State.FALSE_POSITIVE, State.ESCALATED, State.REPORTED, to=State.CLOSED),
    CaseAction.REOPEN: _lead(
        State.CONFIRMED,
        State.FALSE_POSITIVE,
        State.ESCALATED,
        State.REPORTED,
        State.CLOSED,
        to=State.OPEN,
    ),
    CaseAction.HOLD: _stay(*_ALL),
    CaseAction.RELEASE: _stay(*_ALL),
    # The decision to dismiss or close a case did not consider this match.
    CaseAction.MATCH: {
        **_stay(*_ALL),
        **_lead(State.FALSE_POSITIVE, State.CLOSED, to=State.OPEN),
    },
    # Nor did any decision consider other bytes that came under the content id.
    CaseAction.CONTENT: {
        **_lead(*(one for one in _ALL if one is not State.IN_REVIEW), to=State.OPEN),
        **_stay(State.IN_REVIEW),
    },
    # A report under way is finished whatever was decided meanwhile.
    CaseAction.REPORTED: {
        **_stay(*_ALL),
        **_lead(State.CONFIRMED, State.ESCALATED, to=State.REPORTED),
    },
    # What nobody received leaves the case to be worked on.
    CaseAction.UNDELIVERED: {
        **_stay(*_ALL),
        **_lead(State.ESCALATED, to=State.CONFIRMED),
    },
    # Only an unfinished report can be retracted, only one of unknown status settled.
    CaseAction.RETRACT: _stay(*_ALL),
    CaseAction.SETTLE: _stay(*_ALL),
    CaseAction.CONTRIBUTE: _stay(State.CONFIRMED, State.ESCALATED, State.REPORTED, State.CLOSED),
    # These record what is owed or was done, whatever was decided about the case.
    CaseAction.REFER: _stay(*_ALL),
    CaseAction.DEADLINE: _stay(*_ALL),
    CaseAction.MEASURE: _stay(*_ALL),
    CaseAction.APPEAL: _stay(*_ALL),
    CaseAction.ANSWER: _stay(*_ALL),
    # An appeal was right: of a dismissed case it leads to a new decision, by REOPEN.
    CaseAction.REVERSE: _lead(
        *(one for one in _ALL if one is not State.FALSE_POSITIVE), to=State.FALSE_POSITIVE
    ),
    CaseAction.RETAIN: _stay(*_ALL),
    CaseAction.DESTROY: _stay(*_ALL),
}

_REVIEWERS = frozenset({Role.REVIEWER})
_SENIORS = frozenset({Role.SENIOR, Role.ADMINISTRATOR})
_SYSTEM = frozenset({Role.SYSTEM})
ROLES: Mapping[CaseAction, frozenset[Role]] = {
    CaseAction.ASSIGN: _REVIEWERS,
    CaseAction.PLAN: _REVIEWERS,
    CaseAction.NOTE: _REVIEWERS,
    CaseAction.DETAIL: frozenset({Role.SCANNER, Role.REVIEWER}),
    CaseAction.REVIEW: _REVIEWERS,
    CaseAction.CONFIRM: _REVIEWERS,
    CaseAction.DISMISS: _REVIEWERS,
    CaseAction.ESCALATE: _REVIEWERS,
    CaseAction.REPORT: _REVIEWERS,
    CaseAction.CLOSE: _REVIEWERS,
    CaseAction.REOPEN: _REVIEWERS,
    CaseAction.HOLD: _SENIORS,
    CaseAction.RELEASE: _SENIORS,
    CaseAction.MATCH: _SYSTEM,
    CaseAction.CONTENT: _SYSTEM,
    CaseAction.REPORTED: _SYSTEM | _REVIEWERS,
    CaseAction.RETRACT: _SENIORS,
    CaseAction.SETTLE: _SENIORS,
    CaseAction.CONTRIBUTE: _SENIORS,
    CaseAction.UNDELIVERED: _SYSTEM,
    CaseAction.REFER: _REVIEWERS,
    CaseAction.DEADLINE: _REVIEWERS,
    CaseAction.MEASURE: _REVIEWERS,
    CaseAction.APPEAL: _REVIEWERS,
    CaseAction.ANSWER: _REVIEWERS,
    CaseAction.REVERSE: _REVIEWERS,
    CaseAction.RETAIN: _SENIORS,
    CaseAction.DESTROY: _SENIORS,
}

# The decisions that commands and calls offer.
DECISIONS = (
    CaseAction.REVIEW,
    CaseAction.CONFIRM,
    CaseAction.DISMISS,
    CaseAction.REPORTED,
    CaseAction.CLOSE,
    CaseAction.REOPEN,
)
# Actions that need a reason.
NEEDS_A_NOTE = frozenset({CaseAction.DISMISS, CaseAction.REPORTED, CaseAction.REOPEN})


def following(state: State, action: CaseAction) -> State:
    """Return the state that an action leads to. Raises `CaseStateError`."""
    found = TRANSITIONS[action].get(state)
    if found is None:
        fit = ", ".join(one for one in TRANSITIONS[action])
        raise CaseStateError(
            f"the action {action} is not possible on a case in the state {state}",
            hint=f"It is possible in the states {fit}.",
        )
    return found


def require_role(action: CaseAction, roles: frozenset[Role]) -> None:
    """Raise `ForbiddenError` unless one of the roles may take the action."""
    if not ROLES[action] & roles:
        permitted = " or ".join(sorted(ROLES[action] - _SYSTEM)) or Role.SYSTEM
        raise ForbiddenError(f"the action {action} needs the role {permitted}")
