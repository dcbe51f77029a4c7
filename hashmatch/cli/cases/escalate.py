"""`hashmatch cases escalate`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, cases_argument, note_option


@click.command("escalate")
@cases_argument
@click.option(
    "--to", "target", required=True, help="Target: an [escalations.NAME] of the configuration."
)
@click.option(
    "--again",
    is_flag=True,
    help="Report them to NCMEC again, or to the NCA although reported abroad.",
)
@note_option
@by_option
@pass_app
def command(
    app: App, cases: tuple[int, ...], target: str, note: str, by: str | None, *, again: bool
) -> None:
    """Escalate cases to a configured target.

    'hashmatch outbox send', 'lists sync' or the service sends them.
    """
    from hashmatch.cases import escalate

    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: escalate(
            session, app.settings, case, target, actor, note=note, again=again
        ),
    )
