"""`hashmatch policy show`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from ..context import App, json_option, pass_app
from ..output import print_facts, print_json, say
from .options import changes_in_words

if TYPE_CHECKING:
    from hashmatch.policy import PolicyState

_RECENT = timedelta(days=1)


@click.command("show")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Show the policy of the configuration, beside the one in force.

    The policy is made of all settings that decide a verdict or a duty; changes of lists are in the
    audit log by themselves.
    """
    from hashmatch.store.policies import read_seen_since
    from hashmatch.store.schema import utc_now
    from hashmatch.wiring import read_policy

    with app.database() as database:
        state = read_policy(app.settings, database)
        with database.reading() as session:
            seen = read_seen_since(session, utc_now() - _RECENT)
    facts = _facts(state, seen)
    if as_json:
        print_json({**facts, "facts": dict(state.policy.facts)})
        return
    facts["changes"] = changes_in_words(facts["changes"])
    facts["seen_in_a_day"] = ", ".join(facts["seen_in_a_day"])
    print_facts("Policy", {**facts, **state.policy.facts})
    if state.is_unexplained:
        problem, hint = state.problem()
        say(f"{problem}\n{hint}")


def _facts(state: PolicyState, seen: list[str]) -> dict[str, Any]:
    from hashmatch.policy import changes_between

    record, before = state.record, state.in_force
    at = None if record is None else record.explained_at
    return {
        "policy": state.policy.digest,
        "is_in_force": state.is_in_force,
        "in_force": None if before is None else before.digest,
        "is_unexplained": state.is_unexplained,
        "reason": "" if record is None else record.reason,
        "evaluation": None if record is None else record.evaluation,
        "explained_by": "" if record is None else record.explained_by,
        "explained_at": None if at is None else at.isoformat(),
        "changes": {} if before is None else changes_between(before.facts, state.policy.facts),
        "seen_in_a_day": seen,
    }
