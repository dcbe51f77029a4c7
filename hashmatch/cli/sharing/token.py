"""`hashmatch sharing token`."""

from __future__ import annotations

from datetime import timedelta

import click

from ..context import App, json_option, pass_app
from ..output import print_json, print_line, say


@click.command("token")
@click.argument("consumer")
@click.option(
    "--days",
    type=click.IntRange(1, 36_500),
    help="Days until the token expires; by default it never does.",
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(1, 1_000_000),
    default=600,
    show_default=True,
    help="Limit of requests per minute.",
)
@json_option
@pass_app
def command(
    app: App, consumer: str, days: int | None, requests_per_minute: int, *, as_json: bool
) -> None:
    """Create a token for a consumer and print it, once.

    Clients send it as a bearer token, or as the password of any user name.
    """
    from hashmatch.store.schema import utc_now
    from hashmatch.store.sharing import create_consumer_token

    expires_at = None if days is None else utc_now() + timedelta(days=days)
    with app.database() as database, database.writing() as session:
        token = create_consumer_token(
            session, consumer, expires_at=expires_at, requests_per_minute=requests_per_minute
        )
    if as_json:
        print_json({"token": token})
    else:
        print_line(token)
    say("send it by a safe way: only its hash is kept, and it is not shown again")
