"""`hashmatch sharing send`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..context import App, pass_app
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..output import say

if TYPE_CHECKING:
    from hashmatch.store.engine import Database


@click.command("send")
@click.option("--exchange", "names", multiple=True, help="Only to this one; repeatable.")
@pass_app
def command(app: App, names: tuple[str, ...]) -> None:
    """Send entries to exchanges, and withdraw those that they are not to have.

    The service does so by itself. Exits with 2 where something was not sent.
    """
    from hashmatch.sharing import publish_changes

    settings = app.settings
    if not settings.sharing.enabled or not settings.sharing.exchanges:
        raise click.UsageError("there is no exchange: set sharing.enabled, and add a section")
    with app.database() as database:
        publish_changes(database, settings)
        sent = [_send_to(app, database, one) for one in names or settings.sharing.exchanges]
    click.get_current_context().exit(EXIT_CLEAR if all(sent) else EXIT_UNSCREENED)


def _send_to(app: App, database: Database, name: str) -> bool:
    """Send to an exchange and say what became of it; return whether all was sent."""
    from hashmatch.errors import ConfigError
    from hashmatch.sharing import send_to_exchange

    try:
        sent = send_to_exchange(database, app.settings, name, by_hand=True)
    except ConfigError as error:
        say(f"{name}: nothing can be sent from here: {error.message}")
        return False
    counts = ", ".join(f"{number} {result}" for result, number in sorted(sent.counts.items()))
    say(f"{name}: {counts or 'nothing to send'}")
    for one in sent.refused_lists:
        say(f"{name}: {one.reason.message}")
    if sent.problem:
        say(f"{name}: {sent.problem}; 'hashmatch sharing exchanges' says when it is tried again")
    if sent.counts["refused"]:
        say(f"'hashmatch sharing exchanges --entries {name}' says why entries were refused")
    is_bad = sent.counts["refused"] or sent.counts["failed"] or sent.refused_lists
    return not is_bad and not sent.problem
