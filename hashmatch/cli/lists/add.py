"""`hashmatch lists add`."""

from __future__ import annotations

from datetime import datetime

import click

from hashmatch.store.lists import ALLOW, MATCH, create_list

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
@pass_app
def command(
    app: App,
    name: str,
    licensor: str | None,
    licence_end: datetime | None,
    *,
    is_allow_list: bool,
) -> None:
    """Create an empty list."""
    with app.database() as database, database.writing() as session:
        last_day = None if licence_end is None else licence_end.date()
        kind = ALLOW if is_allow_list else MATCH
        create_list(session, name, kind=kind, licensor=licensor, licence_end=last_day)
    say(f"created list {name}; next: hashmatch lists import {name} FILE.csv")
