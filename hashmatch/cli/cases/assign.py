"""`hashmatch cases assign`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, cases_argument


@click.command("assign")
@cases_argument
@click.option("--to", "assignee", required=True, help='Reviewer who works on them; "" for nobody.')
@by_option
@pass_app
def command(app: App, cases: tuple[int, ...], assignee: str, by: str | None) -> None:
    """Assign cases to a reviewer."""
    from hashmatch.cases import assign

    act_on_cases(
        app, cases, by, lambda session, case, actor: assign(session, case, assignee, actor)
    )
