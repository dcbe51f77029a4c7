"""`hashmatch cases retain`."""

from __future__ import annotations

import click

from ..choices import RETENTION_CLASSES
from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, cases_argument, note_option


@click.command("retain")
@cases_argument
@click.option(
    "--as", "chosen", type=click.Choice(RETENTION_CLASSES), required=True, help="Retention class."
)
@note_option
@by_option
@pass_app
def command(app: App, cases: tuple[int, ...], chosen: str, note: str, by: str | None) -> None:
    """Set the retention class of cases, with the reason."""
    from hashmatch.cases import retain
    from hashmatch.store.schema import RetentionClass

    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: retain(
            session, app.settings, case, RetentionClass(chosen), actor, note=note
        ),
    )
