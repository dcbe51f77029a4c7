"""`hashmatch db check`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..output import say


@click.command("check")
@pass_app
def command(app: App) -> None:
    """Check the database for damage and schema differences."""
    from hashmatch.store.migrations import integrity_problems, schema_differences

    with app.database() as database:
        problems = [*integrity_problems(database), *schema_differences(database)]
        for problem in problems:
            say(problem)
        say(f"{database.name()}: {f'problems: {len(problems)}' if problems else 'sound'}")
    click.get_current_context().exit(EXIT_UNSCREENED if problems else EXIT_CLEAR)
