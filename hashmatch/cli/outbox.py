"""`hashmatch outbox`: what is to be told to others, and whether it was."""

from __future__ import annotations

from datetime import datetime

import click

from hashmatch.outbox import send_due as deliver
from hashmatch.store.engine import Database
from hashmatch.store.outbox import drop_message, read_outbox, retry_message
from hashmatch.wiring import senders

from .context import App, json_option, pass_app
from .exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from .output import print_json, print_table, say

_KEY = click.IntRange(1, 2**63 - 1)


@click.group("outbox")
def command() -> None:
    """Show and send what is to be told to others."""


@command.command("list")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
)
@json_option
@pass_app
def list_(app: App, limit: int, *, as_json: bool) -> None:
    """Show the newest messages, newest first: waiting, sent or dead."""
    with app.database() as database, database.reading() as session:
        rows = [
            {
                "message": one.key,
                "kind": one.kind,
                "to": one.target,
                "what": str(one.body.get("verdict") or one.body.get("type", "")),
                "state": one.state,
                "attempts": one.attempts,
                "created_at": one.created_at.isoformat(timespec="seconds"),
                "next_attempt_at": _moment(one.next_attempt_at),
                "sent_at": _moment(one.sent_at),
                "problem": one.problem,
            }
            for one in read_outbox(session, limit=limit)
        ]
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        print_table("Outbox", tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        say("the outbox is empty")


@command.command("send")
@pass_app
def send(app: App) -> None:
    """Send what is due now; 'lists sync' does so, too."""
    with app.database() as database:
        is_good = send_due(app, database)
    click.get_current_context().exit(EXIT_CLEAR if is_good else EXIT_UNSCREENED)


@command.command("retry")
@click.argument("message", type=_KEY)
@pass_app
def retry(app: App, message: int) -> None:
    """Let a message that could not be sent be tried anew."""
    with app.database() as database, database.writing() as session:
        retry_message(session, message)
    say(f"message {message} is sent with the next 'hashmatch outbox send' or 'lists sync'")


@command.command("drop")
@click.argument("message", type=_KEY)
@pass_app
def drop(app: App, message: int) -> None:
    """Forget a message that was not sent; nobody is told of it any more."""
    with app.database() as database, database.writing() as session:
        drop_message(session, message)
    say(f"message {message} is forgotten")


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def send_due(app: App, database: Database) -> bool:
    """Send what is due and tell of it; says whether all of it was sent."""
    sent = deliver(database, senders(app.settings, database))
    counts = sent.counts
    if counts:
        say("outbox: " + ", ".join(f"{number} {state}" for state, number in counts.items()))
    if failed := counts["failed"] + counts["dead"]:
        say(f"{failed} messages were not sent; 'hashmatch outbox list' says why")
    for target, error in sent.hindered.items():
        say(f"nothing can be sent to {target} from here: {error.message}")
    return not failed and not sent.hindered
