"""Everything that a start, a person or a page asks the store about policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from sqlalchemy.orm import Session

from hashmatch.store import policies
from hashmatch.store.schema import utc_now

_ROWS = 100
_POLICY = policies.NewPolicy(f"{9:064}", {"intake.level": "plain"})
_DAY = timedelta(days=1)


def policy_questions() -> Iterator[tuple[str, Callable[[Session], object]]]:
    """Yield each question with a name."""
    yield "the policy in force", policies.find_in_force
    yield "a policy", lambda session: policies.find_policy(session, f"{7:064}")
    yield "changes of policy", lambda session: policies.read_changes(session, limit=_ROWS, before=9)
    yield (
        "policies of a day",
        lambda session: policies.read_seen_since(session, utc_now() - _DAY),
    )
    yield "a start", lambda session: policies.find_noted(session, _POLICY)
    yield "a start that is noted", _noted_start
    yield "a reason", _reason


def _noted_start(session: Session) -> None:
    policies.note_start(session, _POLICY, lambda _before, _after: {})


def _reason(session: Session) -> None:
    policies.explain_policy(session, f"{7:064}", reason="r", evaluation=None, actor="a")
