"""`hashmatch notices close`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from ..cases.actions import actor_named
from ..cases.options import by_option
from ..choices import NOTICE_OUTCOMES, REFUSALS
from ..context import App, pass_app
from ..output import say
from ..period import Moment
from .options import note_option, request_argument, work_options

if TYPE_CHECKING:
    from hashmatch.notices import Work


@click.command("close")
@request_argument
@click.option("--as", "outcome", type=click.Choice(NOTICE_OUTCOMES), required=True, help="Outcome.")
@click.option("--reason", type=click.Choice(REFUSALS), help="Reason of a refusal.")
@click.option("--duplicate-of", help="Request id of the notice that it repeats.")
@click.option("--closed-at", type=Moment(), help="When, by default now.")
@note_option
@work_options
@by_option
@pass_app
def command(
    app: App,
    request_id: str,
    outcome: str,
    reason: str | None,
    duplicate_of: str | None,
    closed_at: datetime | None,
    note: str,
    work: Work,
    by: str | None,
) -> None:
    """Close a notice with its outcome, and record what was done.

    A refusal needs a reason and a note.
    """
    from hashmatch.notices import Closing, RefusalReason, close_notice
    from hashmatch.store.schema import NoticeState

    why = None if reason is None else RefusalReason(reason)
    closing = Closing(NoticeState(outcome), why, duplicate_of, note, closed_at, work)
    actor = actor_named(by)
    with app.database() as database, database.writing(actor.audit_name) as session:
        done = close_notice(session, request_id, closing, actor)
    say(f"{done.request_id}: {done.state}")
