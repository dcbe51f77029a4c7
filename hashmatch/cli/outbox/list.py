"""`hashmatch outbox list`."""

from __future__ import annotations

from datetime import datetime

import click

from ..context import App, json_option, limit_option, pass_app
from ..output import print_rows, say


@click.command("list")
@limit_option
@json_option
@pass_app
def command(app: App, limit: int, *, as_json: bool) -> None:
    """Show the newest messages, newest first.

    A message is waiting, sent, or dead, which means that it is not retried.
    """
    from hashmatch.store.outbox import read_outbox

    with app.database() as database, database.reading() as session:
        rows = [
            {
                "message": one.key,
                "kind": one.kind,
                "to": one.target,
                "event": str(one.body.get("verdict") or one.body.get("type", "")),
                "state": one.state,
                "attempts": one.attempts,
                "created_at": one.created_at.isoformat(timespec="seconds"),
                "next_attempt_at": _moment(one.next_attempt_at),
                "sent_at": _moment(one.sent_at),
                "problem": one.problem,
            }
            for one in read_outbox(session, limit=limit)
        ]
    print_rows("Outbox", rows, as_json=as_json)
    if not rows and not as_json:
        say("the outbox is empty")


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
