"""`hashmatch sharing feedback`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..output import print_rows, say

_LIMIT = 1_000


@click.command("feedback")
@click.option("--all", "all_states", is_flag=True, help="Also what was decided already.")
@json_option
@pass_app
def command(app: App, *, all_states: bool, as_json: bool) -> None:
    """Show what consumers said about entries, the oldest first."""
    from hashmatch.store.schema import FeedbackState
    from hashmatch.store.sharing import read_feedback

    state = None if all_states else FeedbackState.OPEN
    with app.database() as database, database.reading() as session:
        rows = [
            {
                "feedback": one.number,
                "list": one.list_name,
                "entry": one.entry_id,
                "algorithm": one.algorithm,
                "consumer": one.consumer,
                "says": "agrees" if one.is_affirmative else "disagrees",
                "reason": one.reason or None,
                "given_at": one.given_at.isoformat(timespec="seconds"),
                "state": one.state.value,
                "decided_by": one.decided_by or None,
                "decision_reason": one.decision_reason or None,
            }
            for one in read_feedback(session, state=state, limit=_LIMIT)
        ]
    print_rows("Feedback", rows, as_json=as_json)
    if not rows and not as_json:
        say("there is none")
