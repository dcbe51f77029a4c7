"""`hashmatch lists add`."""

from __future__ import annotations

from datetime import datetime

import click

from ..context import App, pass_app
from ..output import say
from .options import DAY, licensor_option, name_argument


@click.command("add")
@name_argument
@licensor_option
@click.option("--licence-end", type=DAY, help="Last day of the licence, YYYY-MM-DD.")
@click.option(
    "--allow", "is_allow_list", is_flag=True, help="An allow list: known false positives."
)
@click.option("--terms", "is_of_terms", is_flag=True, help="A list of terms, for prompts.")
@click.option("--own", "is_own", is_flag=True, help="A list of your own, filled over HTTP.")
@pass_app
def command(
    app: App,
    name: str,
    licensor: str | None,
    licence_end: datetime | None,
    *,
    is_allow_list: bool,
    is_of_terms: bool,
    is_own: bool,
) -> None:
    """Create an empty list.

    An own list has no licensor: its entries are added by the calls of HMA's clients.
    """
    from hashmatch.store.lists import ALLOW, MATCH, OWN, TERMS, create_list
    from hashmatch.store.schema import utc_now

    if is_own and (is_allow_list or licensor is not None or licence_end is not None):
        raise click.UsageError("an own list has no licence, and is no allow list")
    if is_of_terms and (is_own or is_allow_list):
        raise click.UsageError("a list of terms is neither an own list nor an allow list")
    with app.database() as database, database.writing() as session:
        last_day = None if licence_end is None else licence_end.date()
        kind = OWN if is_own else ALLOW if is_allow_list else TERMS if is_of_terms else MATCH
        create_list(session, name, kind=kind, licensor=licensor, licence_end=last_day)
    if last_day is not None and last_day < utc_now().date():
        say(f"the licence of list {name} has ended: with it in force, no image can be clear")
    if is_own:
        say(f"created list {name}; next: a token with the scope curate, and docs/reference/hma.md")
    else:
        say(f"created list {name}; next: hashmatch lists import {name} FILE.csv")
