"""`hashmatch policy history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..context import App, json_option, limit_option, pass_app
from ..output import print_json, print_rows, say
from .options import changes_in_words

if TYPE_CHECKING:
    from hashmatch.store.policies import ChangeRecord


@click.command("history")
@limit_option
@json_option
@pass_app
def command(app: App, limit: int, *, as_json: bool) -> None:
    """Show the changes of policy, newest first, with their reasons."""
    from hashmatch.store.policies import read_changes

    with app.database() as database, database.reading() as session:
        rows = [_row(one) for one in read_changes(session, limit=limit)]
    if as_json:
        for row in rows:
            print_json(row)
    else:
        print_rows("Changes of policy", [_line(one) for one in rows], as_json=False)
    if not rows:
        say("no policy is on record: nothing was started yet")


def _row(one: ChangeRecord) -> dict[str, Any]:
    from hashmatch.policy import changes_between

    policy, before = one.policy, one.before
    explained_at = policy.explained_at
    return {
        "changed_at": one.changed_at.isoformat(),
        "policy": policy.digest,
        "before": None if before is None else before.digest,
        "changes": {} if before is None else changes_between(before.facts, policy.facts),
        "reason": policy.reason,
        "evaluation": policy.evaluation,
        "explained_by": policy.explained_by,
        "explained_at": None if explained_at is None else explained_at.isoformat(),
        "is_unexplained": before is not None and not policy.reason,
    }


def _line(row: dict[str, Any]) -> dict[str, Any]:
    from hashmatch.policy import SHORT

    evaluation = row["evaluation"]
    is_first = row["before"] is None
    return {
        "changed_at": row["changed_at"],
        "policy": row["policy"][:SHORT],
        "changes": "first recorded" if is_first else changes_in_words(row["changes"]),
        "reason": "unexplained" if row["is_unexplained"] else row["reason"],
        "evaluation": "" if evaluation is None else evaluation["kind"],
        "explained_by": row["explained_by"],
    }
