"""`hashmatch cases hold`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from .actions import act_on_cases
from .options import by_option, cases_argument


@click.command("hold")
@cases_argument
@click.option("--reason", default="", help="Reason, such as the reference of a preservation order.")
@click.option("--release", is_flag=True, help="Release them from their legal hold.")
@by_option
@pass_app
def command(
    app: App, cases: tuple[int, ...], reason: str, by: str | None, *, release: bool
) -> None:
    """Place cases under a legal hold, or release them.

    A legal hold exempts them from retention.
    """
    from hashmatch.cases import hold

    if bool(reason.strip()) is release:
        raise click.UsageError("give --reason, or --release")
    act_on_cases(app, cases, by, lambda session, case, actor: hold(session, case, reason, actor))
