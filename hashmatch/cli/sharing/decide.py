"""`hashmatch sharing decide`."""

from __future__ import annotations

import click

from ..cases.actions import actor_named
from ..cases.options import by_option
from ..context import App, pass_app
from ..index_updates import update_index
from ..output import say


@click.command("decide")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--accept/--decline", "accept", default=None, help="The decision.")
@click.option(
    "--withdraw", is_flag=True, help="Withdraw the entry of an own list that it is about."
)
@click.option("--reason", default="", help="Reason, for the audit log.")
@by_option
@pass_app
def command(
    app: App, number: int, reason: str, by: str | None, *, accept: bool | None, withdraw: bool
) -> None:
    """Accept or decline feedback.

    NUMBER is its number. Accepting alone changes no entry.
    """
    from hashmatch.sharing import decide_feedback

    if accept is None:
        raise click.UsageError("give --accept or --decline")
    if withdraw and not accept:
        raise click.UsageError("--withdraw goes with --accept")
    actor = actor_named(by)
    with app.database() as database:
        with database.writing(actor.audit_name) as session:
            found = decide_feedback(
                session,
                number,
                accept=accept,
                withdraw=withdraw,
                actor=actor.name,
                reason=reason.strip(),
            )
        if withdraw:
            update_index(app, database)
    done = f"; entry {found.entry_id} of list {found.list_name} is withdrawn" if withdraw else ""
    say(f"feedback {number}: {found.state}{done}")
