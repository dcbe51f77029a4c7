"""`hashmatch cases plan`."""

from __future__ import annotations

from datetime import datetime

import click

from ..context import App, pass_app
from ..period import Moment
from .actions import act_on_cases
from .options import by_option, cases_argument


@click.command("plan")
@cases_argument
@click.option("--due", type=Moment(), help="Due time (UTC).")
@click.option("--priority", type=click.IntRange(0, 9), help="Priority; 0 comes first.")
@by_option
@pass_app
def command(
    app: App, cases: tuple[int, ...], due: datetime | None, priority: int | None, by: str | None
) -> None:
    """Set the due time and the priority of cases."""
    from hashmatch.cases import plan

    if due is None and priority is None:
        raise click.UsageError("give --due, --priority or both")
    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: plan(session, case, actor, due_at=due, priority=priority),
    )
