"""`hashmatch cases impose`."""

from __future__ import annotations

from datetime import datetime

import click

from ..choices import AUTOMATIONS, GROUNDS, RESTRICTIONS
from ..context import App, pass_app
from ..period import Moment
from .actions import act_on_cases
from .options import by_option, cases_argument


@click.command("impose")
@cases_argument
@click.option("--restriction", type=click.Choice(RESTRICTIONS), required=True, help="Measure.")
@click.option("--ground", type=click.Choice(GROUNDS), default="illegal", help="Ground of it.")
@click.option(
    "--automation",
    type=click.Choice(AUTOMATIONS),
    default="none",
    help="Part of it that was decided by automated means.",
)
@click.option("--territory", default="", help="Countries it is for; by default all.")
@click.option("--at", type=Moment(), help="Time of the measure (UTC); by default now.")
@by_option
@pass_app
def command(
    app: App,
    cases: tuple[int, ...],
    restriction: str,
    ground: str,
    automation: str,
    territory: str,
    at: datetime | None,
    by: str | None,
) -> None:
    """Record a measure that the platform took on content or account."""
    from hashmatch.cases import Automation, Ground, Restriction, impose

    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: impose(
            session,
            app.settings,
            case,
            Restriction(restriction),
            actor,
            ground=Ground(ground),
            automation=Automation(automation),
            territory=territory,
            imposed_at=at,
        ),
    )
