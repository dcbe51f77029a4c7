"""One action on many cases, with its results for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, assert_never

import click

from ..context import App, login_name
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..output import say

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hashmatch.cases import ActionDone, ActionFailed, Actor


def actor_named(by: str | None) -> Actor:
    """Return the actor of a command, by default the user who runs it."""
    from hashmatch.cases import Actor, Role

    login = login_name()
    roles = frozenset({Role.REVIEWER, Role.ADMINISTRATOR, Role.EXPORTER})
    return Actor((by or login).strip(), f"user {login}", roles)


def act_on_cases(
    app: App,
    cases: Sequence[int],
    by: str | None,
    act: Callable[[Session, int, Actor], ActionDone],
) -> None:
    """Take the same action on cases, say what became of each, and exit."""
    from hashmatch.cases import ActionDone, ActionFailed, act_on_each

    actor = actor_named(by)
    with app.database() as database:
        results = act_on_each(
            database, cases, actor, lambda session, case: act(session, case, actor)
        )
    for one in results:
        match one:
            case ActionDone():
                waits = "; this needs a second approval" if one.needs_second_approval else ""
                say(f"case {one.case}: {one.state}{waits}")
            case ActionFailed():
                _say_failure(one)
            case _:
                assert_never(one)
    failed = any(isinstance(one, ActionFailed) for one in results)
    click.get_current_context().exit(EXIT_UNSCREENED if failed else EXIT_CLEAR)


def _say_failure(failed: ActionFailed) -> None:
    message = failed.error.message
    # Most messages name the case themselves.
    is_named = re.search(rf"\bcase {failed.case}\b", message)
    say(message if is_named else f"case {failed.case}: {message}")
    if failed.error.hint:
        say(f"  {failed.error.hint}")
