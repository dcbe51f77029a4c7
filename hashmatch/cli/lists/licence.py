"""`hashmatch lists licence`."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ..context import App, pass_app
from ..output import say
from .options import DAY, licensor_option, name_argument

if TYPE_CHECKING:
    from hashmatch.store.engine import Database


@click.command("licence")
@name_argument
@licensor_option
@click.option("--end", type=DAY, help="Last day of the licence, YYYY-MM-DD.")
@click.option("--no-end", is_flag=True, help="The licence has no end.")
@pass_app
def command(
    app: App, name: str, licensor: str | None, end: datetime | None, *, no_end: bool
) -> None:
    """Set when the licence of a list ends.

    After that day the list is not matched against.
    """
    from hashmatch.store.lists import set_licence

    if (end is None) is not no_end:
        raise click.UsageError("give --end DATE or --no-end")
    with app.database() as database:
        with database.writing() as session:
            set_licence(session, name, licensor=licensor, end=None if end is None else end.date())
        words = "has no end" if end is None else f"ends after {end.date()}"
        say(f"list {name}: the licence {words}")
        warn_of_licence_ends(database, [name])


def warn_of_licence_ends(database: Database, names: Container[str]) -> None:
    """Warn of licences of these lists that have ended, or end within thirty days."""
    from hashmatch.store.lists import ALLOW, TERMS, read_lists
    from hashmatch.store.schema import utc_now

    today = utc_now().date()
    with database.reading() as session:
        every = (*read_lists(session), *read_lists(session, ALLOW, TERMS))
    states = [one for one in every if one.name in names]
    for one in states:
        if one.licence_has_ended(today):
            say(
                f"warning: the licence of list {one.name} ended on {one.licence_end}; nothing can"
                " be clear until 'hashmatch lists licence' extends it or 'lists remove' removes"
                " the list"
            )
        elif one.licence_ends_soon(today):
            say(
                f"warning: the licence of list {one.name} ends on {one.licence_end}; after that"
                " nothing can be clear until it is extended or the list is removed"
            )
