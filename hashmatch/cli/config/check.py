"""`hashmatch config check`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..output import say


@click.command("check")
@pass_app
def command(app: App) -> None:
    """Check the configuration, and the secrets and files that it names.

    Nothing is connected to, and no secret is shown; 'hashmatch doctor' also looks at the store.
    """
    from hashmatch.config import settings_problems

    settings = app.settings
    problems = settings_problems(settings)
    for problem in problems:
        say(problem)
    name = settings.source or "no configuration file: the defaults"
    say(f"{name}: {f'problems: {len(problems)}' if problems else 'valid'}")
    click.get_current_context().exit(EXIT_UNSCREENED if problems else EXIT_CLEAR)
