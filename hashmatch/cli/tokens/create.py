"""`hashmatch tokens create`."""

from __future__ import annotations

from datetime import timedelta

import click

from ..choices import SCOPES
from ..context import App, json_option, pass_app
from ..output import print_json, print_line, say


@click.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="What the token allows; repeatable.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 36_500),
    help="Days until the token expires; by default it never does.",
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(1, 1_000_000),
    default=None,
    help="Limit of requests per minute; by default there is none.",
)
@json_option
@pass_app
def command(
    app: App,
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
    requests_per_minute: int | None,
    *,
    as_json: bool,
) -> None:
    """Create a token and print it, once.

    NAME identifies its owner in 'tokens list' and in the audit log.
    """
    from hashmatch.store.schema import utc_now
    from hashmatch.store.tokens import Scope, create_token, read_tokens

    now = utc_now()
    expires_at = None if days is None else now + timedelta(days=days)
    with app.database() as database, database.writing() as session:
        others = [
            one.token_id
            for one in read_tokens(session)
            if one.name == name and one.state(now) == "active"
        ]
        token = create_token(
            session,
            name,
            set(map(Scope, scopes)),
            expires_at=expires_at,
            requests_per_minute=requests_per_minute or 0,
        )
    if as_json:
        print_json({"token": token})
    else:
        print_line(token)
    say("store the token now: only its hash is kept, and it is not shown again")
    if others:
        say(
            f"{name} has another active token: {', '.join(others)}\n"
            "  'hashmatch tokens revoke' ends one that is no longer used."
        )
