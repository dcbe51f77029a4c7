"""`hashmatch cases settle`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say
from .actions import actor_named
from .options import by_option, case_argument


@click.command("settle")
@case_argument
@click.option("--finished", is_flag=True, help="NCMEC has the report.")
@click.option("--again", is_flag=True, help="NCMEC has no record of it; it may be sent again.")
@by_option
@pass_app
def command(app: App, case: int, by: str | None, *, finished: bool, again: bool) -> None:
    """Settle a report to NCMEC whose status is unknown.

    Ask NCMEC first whether the report was finished.
    """
    from hashmatch.cases import settle

    if finished is again:
        raise click.UsageError("give --finished or --again")
    actor = actor_named(by)
    with app.database() as database, database.writing(actor.audit_name) as session:
        settle(session, app.settings, case, actor, is_finished=finished)
    say(f"case {case}: settled")
