"""`hashmatch cases deadline`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, case_argument, note_option


@click.command("deadline")
@case_argument
@click.argument("deadline", type=click.IntRange(1))
@click.option("--waive", is_flag=True, help="Nothing is owed any more; needs --note.")
@note_option
@by_option
@pass_app
def command(app: App, case: int, deadline: int, note: str, by: str | None, *, waive: bool) -> None:
    """Record that a deadline of a case was met, or waive it."""
    from hashmatch.cases import end_deadline

    act_on_cases(
        app,
        [case],
        by,
        lambda session, case, actor: end_deadline(
            session, case, deadline, actor, waive=waive, note=note
        ),
    )
