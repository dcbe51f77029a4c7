"""States of notices as a table: every state, every action, every role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import pytest
from sqlalchemy.orm import Session

from hashmatch.cases import Actor, Role
from hashmatch.config import Settings
from hashmatch.errors import ForbiddenError, NoticeStateError
from hashmatch.notices import (
    OUTCOMES,
    ROLES,
    TRANSITIONS,
    Closing,
    NoticeAction,
    NoticeSupplement,
    RefusalReason,
    Work,
    close_notice,
    following,
    record_work,
    reopen_notice,
    require_role,
    supplement_notice,
)
from hashmatch.store.engine import Database
from hashmatch.store.notices import CLOSED, WAITING, find_notice
from hashmatch.store.schema import NoticeState, utc_now
from tests.notices.making import add

I, V, X, F, D, W = NoticeState  # noqa: E741 (as narrow as the table)

# Where each action leads from incomplete, valid, removed, refused, duplicate and withdrawn; None
# where it is refused.
TABLE: Mapping[NoticeAction, tuple[NoticeState | None, ...]] = {
    NoticeAction.SUPPLEMENT: (I, V, None, None, None, None),
    NoticeAction.COMPLETE: (V, None, None, None, None, None),
    NoticeAction.RECORD: (I, V, X, F, D, W),
    NoticeAction.REMOVE: (X, X, None, None, None, None),
    NoticeAction.REFUSE: (F, F, None, None, None, None),
    NoticeAction.DUPLICATE: (D, D, None, None, None, None),
    NoticeAction.WITHDRAW: (W, W, None, None, None, None),
    NoticeAction.REOPEN: (None, None, V, V, V, V),
}
MAY: Mapping[NoticeAction, set[str]] = {
    **{action: {"review"} for action in NoticeAction},
    NoticeAction.SUPPLEMENT: {"scan", "review"},
    NoticeAction.COMPLETE: {"scan", "review"},
}


def test_the_table_has_every_state_action_and_role() -> None:
    assert TABLE.keys() == TRANSITIONS.keys() == ROLES.keys() == set(NoticeAction)
    assert all(len(row) == len(NoticeState) for row in TABLE.values())
    assert {*WAITING, *CLOSED} == set(NoticeState)
    assert tuple(OUTCOMES) == CLOSED


@pytest.mark.parametrize(("state", "action"), list(product(NoticeState, NoticeAction)))
def test_each_action_leads_where_the_table_says(state: NoticeState, action: NoticeAction) -> None:
    expected = TABLE[action][list(NoticeState).index(state)]
    if expected is None:
        with pytest.raises(
            NoticeStateError, match=f"{action} is not possible on a notice in the state {state}"
        ):
            following(state, action)
    else:
        assert following(state, action) is expected


@pytest.mark.parametrize(("role", "action"), list(product(Role, NoticeAction)))
def test_each_action_is_for_the_roles_of_the_table(role: Role, action: NoticeAction) -> None:
    if role.value in MAY[action]:
        require_role(action, frozenset({role}))
    else:
        with pytest.raises(ForbiddenError):
            require_role(action, frozenset({role}))


class _UndoneError(Exception):
    """Undoes a transaction."""


_Way = Callable[[Session, str, Actor], object]


def _ways(settings: Settings, other: str) -> Mapping[NoticeAction, _Way]:
    """Return how an actor takes each action through the functions of commands and calls."""
    good = NoticeSupplement(good_faith=True)
    none = NoticeSupplement(signed=True)

    def closing(outcome: NoticeState) -> _Way:
        reason = RefusalReason.OTHER if outcome is F else None
        repeated = other if outcome is D else None
        wanted = Closing(outcome, reason, repeated, "because")
        return lambda s, n, p: close_notice(s, n, wanted, p)

    return {
        NoticeAction.SUPPLEMENT: lambda s, n, p: supplement_notice(s, settings, n, none, p),
        NoticeAction.COMPLETE: lambda s, n, p: supplement_notice(s, settings, n, good, p),
        NoticeAction.RECORD: lambda s, n, p: record_work(s, n, Work(copies_found=1), p),
        NoticeAction.REOPEN: lambda s, n, p: reopen_notice(s, n, "because", p),
        **{action: closing(outcome) for outcome, action in OUTCOMES.items()},
    }


def test_what_actors_do_keeps_to_the_table(database: Database, chosen: Settings) -> None:
    """Every state × action × role, on both databases."""
    lacking = add(database, chosen, "form/1", good_faith=False).request_id
    other = add(database, chosen, "form/2").request_id
    ways = _ways(chosen, other)
    assert ways.keys() == set(NoticeAction)
    wrong = []
    for state, action, role in product(NoticeState, ways, Role):
        expected = TABLE[action][list(NoticeState).index(state)]
        if role.value not in MAY[action]:
            expected = None
        if action is NoticeAction.COMPLETE and state is V and role.value in MAY[action]:
            expected = V  # More of what is complete already changes nothing.
        found: NoticeState | None = None
        try:
            with database.writing() as session:
                row = find_notice(session, lacking)
                row.state, now = state, utc_now()
                if state is not I:
                    row.completed_at = row.due_at = now
                session.flush()
                try:
                    ways[action](session, lacking, Actor("alice", "test", frozenset({role})))
                    found = NoticeState(find_notice(session, lacking).state)
                except (NoticeStateError, ForbiddenError):
                    pass
                raise _UndoneError
        except _UndoneError:
            pass
        if found is not expected:
            wrong.append((state, action, role, found))
    assert wrong == []
