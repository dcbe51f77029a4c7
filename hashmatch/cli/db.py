"""`hashmatch db`: the schema of the database and its health."""

from __future__ import annotations

from contextlib import closing

import click

from hashmatch.store.migrations import integrity_problems, schema_differences, upgrade
from hashmatch.wiring import connect

from .context import App, pass_app
from .exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from .output import say


@click.group("db")
def command() -> None:
    """Upgrade or check the database."""


@command.command("upgrade")
@pass_app
def upgrade_(app: App) -> None:
    """Create the database, or bring it to this version's schema; in one transaction."""
    with closing(connect(app.settings)) as database:
        changed = upgrade(database)
        revision = database.schema_revision()
        say(f"{database.name()}: schema {revision}{'' if changed else ', as before'}")


@command.command("check")
@pass_app
def check(app: App) -> None:
    """Look for damage in the database and for differences from this version's schema."""
    with app.database() as database:
        problems = [*integrity_problems(database), *schema_differences(database)]
        for problem in problems:
            say(problem)
        say(f"{database.name()}: {f'problems: {len(problems)}' if problems else 'sound'}")
    click.get_current_context().exit(EXIT_UNSCREENED if problems else EXIT_CLEAR)
