"""`hashmatch cases notified`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, cases_argument


@click.command("notified")
@cases_argument
@by_option
@pass_app
def command(app: App, cases: tuple[int, ...], by: str | None) -> None:
    """Record that uploaders were given the reasons of measures.

    hashmatch does not write to uploaders: the platform does.
    """
    from hashmatch.cases import notify_uploader

    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: notify_uploader(session, app.settings, case, actor),
    )
