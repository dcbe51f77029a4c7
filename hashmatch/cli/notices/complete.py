"""`hashmatch notices complete`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ..cases.actions import actor_named
from ..cases.options import by_option
from ..context import App, pass_app
from ..output import say
from ..period import Moment
from .options import file_argument, parts_options, read_request, request_argument, words_of


@click.command("complete")
@request_argument
@file_argument
@click.option("--supplied", type=Moment(), help="When the parts came, by default now.")
@click.option("--identified", is_flag=True, help="The places suffice to find the image.")
@parts_options
@by_option
@pass_app
def command(
    app: App,
    request_id: str,
    file: Path | None,
    supplied: datetime | None,
    parts: dict[str, Any],
    by: str | None,
    *,
    identified: bool,
) -> None:
    """Add parts that a request lacked; the clock runs once none is missing.

    FILE is JSON, as for 'notices add'; "-" reads stdin.
    """
    from hashmatch.notices import NoticeSupplement, parse_request, supplement_notice

    given = {"supplied_at": supplied, "identified": identified or None}
    more = {**parts, **{name: value for name, value in given.items() if value is not None}}
    supplement = parse_request(read_request(file), NoticeSupplement, more)
    actor = actor_named(by)
    with app.database() as database, database.writing(actor.audit_name) as session:
        found = supplement_notice(session, app.settings, request_id, supplement, actor)
    say(words_of(found))
