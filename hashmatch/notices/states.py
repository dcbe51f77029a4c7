"""States of a notice as one table: where each action leads, and which roles may take it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from hashmatch.cases import Role
from hashmatch.errors import ForbiddenError, NoticeStateError
from hashmatch.store.schema import NoticeState

_OPEN = (NoticeState.INCOMPLETE, NoticeState.VALID)


class NoticeAction(StrEnum):
    """Action on a notice."""

    # More of what a request has to have; COMPLETE where nothing is missing any more.
    SUPPLEMENT = "supplement"
    COMPLETE = "complete"
    # What was done: removals, copies, that the requester was notified.
    RECORD = "record"
    REMOVE = "remove"
    REFUSE = "refuse"
    DUPLICATE = "duplicate"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"


Transitions = Mapping[NoticeState, NoticeState]


def _stay(*states: NoticeState) -> Transitions:
    return {state: state for state in states}


def _lead(*states: NoticeState, to: NoticeState) -> Transitions:
    return dict.fromkeys(states, to)


# The clock of a notice that is reopened runs from where it began: one that was never complete
# becomes incomplete again.
TRANSITIONS: Mapping[NoticeAction, Transitions] = {
    NoticeAction.SUPPLEMENT: _stay(*_OPEN),
    NoticeAction.COMPLETE: _lead(NoticeState.INCOMPLETE, to=NoticeState.VALID),
    NoticeAction.RECORD: _stay(*NoticeState),
    NoticeAction.REMOVE: _lead(*_OPEN, to=NoticeState.REMOVED),
    NoticeAction.REFUSE: _lead(*_OPEN, to=NoticeState.REFUSED),
    NoticeAction.DUPLICATE: _lead(*_OPEN, to=NoticeState.DUPLICATE),
    NoticeAction.WITHDRAW: _lead(*_OPEN, to=NoticeState.WITHDRAWN),
    NoticeAction.REOPEN: _lead(
        NoticeState.REMOVED,
        NoticeState.REFUSED,
        NoticeState.DUPLICATE,
        NoticeState.WITHDRAWN,
        to=NoticeState.VALID,
    ),
}

_SENDERS = frozenset({Role.SCANNER, Role.REVIEWER})
_REVIEWERS = frozenset({Role.REVIEWER})
ROLES: Mapping[NoticeAction, frozenset[Role]] = {
    NoticeAction.SUPPLEMENT: _SENDERS,
    NoticeAction.COMPLETE: _SENDERS,
    NoticeAction.RECORD: _REVIEWERS,
    NoticeAction.REMOVE: _REVIEWERS,
    NoticeAction.REFUSE: _REVIEWERS,
    NoticeAction.DUPLICATE: _REVIEWERS,
    NoticeAction.WITHDRAW: _REVIEWERS,
    NoticeAction.REOPEN: _REVIEWERS,
}
# Roles of those who may record that a request came.
ADDERS = _SENDERS

# Actions that close a notice, by the outcome that people name.
OUTCOMES: Mapping[NoticeState, NoticeAction] = {
    NoticeState.REMOVED: NoticeAction.REMOVE,
    NoticeState.REFUSED: NoticeAction.REFUSE,
    NoticeState.DUPLICATE: NoticeAction.DUPLICATE,
    NoticeState.WITHDRAWN: NoticeAction.WITHDRAW,
}


class RefusalReason(StrEnum):
    """Reason why a request was refused."""

    NOT_INTIMATE = "not_intimate"
    CONSENSUAL = "consensual"
    NOT_THE_SUBJECT = "not_the_subject"
    NOT_FOUND = "not_found"
    INCOMPLETE = "incomplete"
    OTHER = "other"


def following(state: NoticeState, action: NoticeAction) -> NoticeState:
    """Return the state that an action leads to. Raises `NoticeStateError`."""
    found = TRANSITIONS[action].get(state)
    if found is None:
        fit = ", ".join(TRANSITIONS[action])
        raise NoticeStateError(
            f"the action {action} is not possible on a notice in the state {state}",
            hint=f"It is possible in the states {fit}.",
        )
    return found


def require_role(action: NoticeAction, roles: frozenset[Role]) -> None:
    """Raise `ForbiddenError` unless one of the roles may take the action."""
    if not ROLES[action] & roles:
        permitted = " or ".join(sorted(ROLES[action]))
        raise ForbiddenError(f"the action {action} needs the role {permitted}")
