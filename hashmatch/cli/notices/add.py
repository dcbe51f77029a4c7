"""`hashmatch notices add`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ..cases.actions import actor_named
from ..cases.options import by_option
from ..context import App, pass_app
from ..output import print_line, say
from ..period import Moment
from .options import file_argument, parts_options, read_request, words_of


@click.command("add")
@file_argument
@click.option("--reference", help="The platform's own reference; one request has it once.")
@click.option("--received", type=Moment(), help="When it was received, by default now.")
@parts_options
@by_option
@pass_app
def command(
    app: App,
    file: Path | None,
    reference: str | None,
    received: datetime | None,
    parts: dict[str, Any],
    by: str | None,
) -> None:
    """Record a request that was received, and print its id.

    FILE is JSON; "-" reads stdin. Names and contacts come by it alone, and are encrypted.
    """
    from hashmatch.notices import NoticeRequest, parse_request, register_notice

    given = {"reference": reference, "received_at": received}
    more = {**parts, **{name: value for name, value in given.items() if value is not None}}
    request = parse_request(read_request(file), NoticeRequest, more)
    actor = actor_named(by)
    with app.database() as database, database.writing(actor.audit_name) as session:
        found = register_notice(session, app.settings, request, actor)
    print_line(found.request_id)
    say(words_of(found) if found.is_new else f"{words_of(found)}; it was recorded before")
