"""`hashmatch cases appeal`."""

from __future__ import annotations

from datetime import datetime

import click

from ..choices import APPELLANTS, CHANNELS
from ..context import App, pass_app
from ..period import Moment
from .actions import act_on_cases
from .options import by_option, case_argument


@click.command("appeal")
@case_argument
@click.option(
    "--from",
    "appellant",
    type=click.Choice(APPELLANTS),
    default="uploader",
    help="Party that appeals.",
)
@click.option("--channel", type=click.Choice(CHANNELS), default="internal", help="Way it came.")
@click.option("--grounds", default="", help="Grounds of the appeal, in the appellant's words.")
@click.option("--received-at", type=Moment(), help="Time of receipt (UTC); by default now.")
@by_option
@pass_app
def command(
    app: App,
    case: int,
    appellant: str,
    channel: str,
    grounds: str,
    received_at: datetime | None,
    by: str | None,
) -> None:
    """Record an appeal against the decision of a case."""
    from hashmatch.cases import Appellant, Channel, receive_appeal

    act_on_cases(
        app,
        [case],
        by,
        lambda session, case, actor: receive_appeal(
            session,
            app.settings,
            case,
            actor,
            channel=Channel(channel),
            appellant=Appellant(appellant),
            grounds=grounds,
            received_at=received_at,
        ),
    )
