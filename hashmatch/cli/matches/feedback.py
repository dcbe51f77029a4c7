"""`hashmatch matches feedback`."""

from __future__ import annotations

import click

from ..choices import VERDICTS
from ..context import App, pass_app
from ..output import say


@click.command("feedback")
@click.argument("match_id")
@click.argument("verdict", type=click.Choice(VERDICTS))
@pass_app
def command(app: App, match_id: str, verdict: str) -> None:
    """Queue feedback on a match for the owner of its list.

    The list needs a source that accepts feedback; see docs/guides/lists.md."""
    from hashmatch.lists import Verdict, queue_feedback

    with app.database() as database, database.writing() as session:
        is_new = queue_feedback(session, app.settings, match_id, Verdict(verdict))
    say("queued; 'hashmatch outbox send' or 'lists sync' sends it" if is_new else "already queued")
