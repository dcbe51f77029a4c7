"""`hashmatch outbox send`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..context import App, pass_app
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..output import say

if TYPE_CHECKING:
    from hashmatch.store.engine import Database


@click.command("send")
@pass_app
def command(app: App) -> None:
    """Send all messages that are due.

    'lists sync' does so, too.
    """
    from hashmatch.store.outbox import count_unsent

    with app.database() as database:
        is_good = send_due(app, database)
        with database.reading() as session:
            unsent = count_unsent(session)
    say(f"outbox: {unsent['waiting']} wait for their time, {unsent['dead']} were given up")
    click.get_current_context().exit(EXIT_CLEAR if is_good else EXIT_UNSCREENED)


def send_due(app: App, database: Database) -> bool:
    """Send all messages that are due and say how many; return whether all were sent."""
    from hashmatch.cases import queue_preservations
    from hashmatch.outbox import send_due as deliver
    from hashmatch.wiring import senders

    queue_preservations(database, app.settings)
    sent = deliver(database, senders(app.settings, database))
    counts = sent.counts
    if counts:
        say("outbox: " + ", ".join(f"{number} {state}" for state, number in counts.items()))
    if failed := counts["failed"] + counts["dead"]:
        say(f"{failed} messages were not sent; 'hashmatch outbox list' says why")
    for target, error in sent.blocked.items():
        say(f"nothing can be sent to {target} from here: {error.message}")
    return not failed and not sent.blocked
