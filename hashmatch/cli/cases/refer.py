"""`hashmatch cases refer`."""

from __future__ import annotations

from datetime import datetime

import click

from ..context import App, pass_app
from ..period import Moment
from .actions import act_on_cases
from .options import by_option, cases_argument


@click.command("refer")
@cases_argument
@click.option("--authority", required=True, help="Authority that has a report, such as NCA.")
@click.option("--reference", required=True, help="Reference that it gave to the report.")
@click.option("--made-at", type=Moment(), help="Time of the report (UTC); by default now.")
@by_option
@pass_app
def command(
    app: App,
    cases: tuple[int, ...],
    authority: str,
    reference: str,
    made_at: datetime | None,
    by: str | None,
) -> None:
    """Record the reference of a report that was made elsewhere."""
    from hashmatch.cases import refer

    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: refer(
            session, app.settings, case, authority, reference, actor, made_at=made_at
        ),
    )
