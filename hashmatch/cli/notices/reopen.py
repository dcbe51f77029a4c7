"""`hashmatch notices reopen`."""

from __future__ import annotations

import click

from ..cases.actions import actor_named
from ..cases.options import by_option
from ..context import App, pass_app
from ..output import say
from .options import request_argument


@click.command("reopen")
@request_argument
@click.option("--note", required=True, help="Reason, as a note on the notice.")
@by_option
@pass_app
def command(app: App, request_id: str, note: str, by: str | None) -> None:
    """Open a closed notice again; its clock runs from where it began."""
    from hashmatch.notices import reopen_notice

    actor = actor_named(by)
    with app.database() as database, database.writing(actor.audit_name) as session:
        done = reopen_notice(session, request_id, note, actor)
    say(f"{done.request_id}: {done.state}")
