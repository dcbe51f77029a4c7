"""`hashmatch cases decide`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import DECISION, by_option, cases_argument, note_option


@click.command("decide")
@cases_argument
@click.option("--as", "action", type=DECISION, required=True, help="The decision.")
@note_option
@by_option
@pass_app
def command(app: App, cases: tuple[int, ...], action: str, note: str, by: str | None) -> None:
    """Record a decision about cases.

    The decisions are review, confirm, dismiss, reported, close and reopen.

    "reported" is for a report that was made by other means.
    """
    from hashmatch.cases import CaseAction, decide

    settings = app.settings
    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: decide(
            session, settings, case, CaseAction(action), actor, note=note
        ),
    )
