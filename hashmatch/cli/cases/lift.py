"""`hashmatch cases lift`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, cases_argument, note_option


@click.command("lift")
@cases_argument
@click.option("--measure", type=click.IntRange(1), help="Measure; by default all in force.")
@note_option
@by_option
@pass_app
def command(
    app: App, cases: tuple[int, ...], measure: int | None, note: str, by: str | None
) -> None:
    """Record that the platform lifted measures."""
    from hashmatch.cases import lift

    act_on_cases(
        app,
        cases,
        by,
        lambda session, case, actor: lift(session, case, actor, measure=measure, note=note),
    )
