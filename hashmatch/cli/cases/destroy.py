"""`hashmatch cases destroy`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, cases_argument, note_option


@click.command("destroy")
@cases_argument
@note_option
@by_option
@pass_app
def command(app: App, cases: tuple[int, ...], note: str, by: str | None) -> None:
    """Have the vault destroy the content of cases, as an authority asked for.

    The cases stay. 'hashmatch outbox send' or the service calls the vault.
    """
    from hashmatch.cases import destroy

    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: destroy(session, app.settings, case, actor, note=note),
    )
