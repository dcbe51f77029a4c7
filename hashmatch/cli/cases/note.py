"""`hashmatch cases note`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, cases_argument


@click.command("note")
@cases_argument
@click.argument("text")
@by_option
@pass_app
def command(app: App, cases: tuple[int, ...], text: str, by: str | None) -> None:
    """Add a note to cases."""
    from hashmatch.cases import add_note

    act_on_cases(app, cases, by, lambda session, case, actor: add_note(session, case, text, actor))
