"""`hashmatch notices record`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..cases.actions import actor_named
from ..cases.options import by_option
from ..context import App, pass_app
from ..output import say
from .options import request_argument, work_options

if TYPE_CHECKING:
    from hashmatch.notices import Work


@click.command("record")
@request_argument
@work_options
@by_option
@pass_app
def command(app: App, request_id: str, work: Work, by: str | None) -> None:
    """Record what was done about a notice, also after it was closed."""
    from hashmatch.notices import record_work

    actor = actor_named(by)
    with app.database() as database, database.writing(actor.audit_name) as session:
        done = record_work(session, request_id, work, actor)
    say(f"{done.request_id}: {done.state}; recorded")
