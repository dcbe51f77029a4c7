"""`hashmatch tokens`: who may call the service, and for what."""

from __future__ import annotations

from datetime import timedelta

import click

from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope, Token, create_token, read_tokens, revoke_token

from .context import App, json_option, pass_app
from .output import print_json, print_line, print_table, say


@click.group("tokens")
def command() -> None:
    """Make, show and revoke tokens for the service."""


@command.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([one.value for one in Scope]),
    multiple=True,
    required=True,
    help="What its bearer may do; give it several times for several.",
)
@click.option(
    "--days", type=click.IntRange(1, 36_500), help="It expires after so many; by default never."
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(1, 1_000_000),
    default=None,
    help="How often its bearer may ask; by default as often as they like.",
)
@json_option
@pass_app
def create(
    app: App,
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
    requests_per_minute: int | None,
    *,
    as_json: bool,
) -> None:
    """Make a token for NAME and show it, this once."""
    expires_at = None if days is None else utc_now() + timedelta(days=days)
    with app.database() as database, database.writing() as session:
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
    say("keep it: it is not shown again, and only its hash is kept")


@command.command("list")
@json_option
@pass_app
def list_(app: App, *, as_json: bool) -> None:
    """Show all tokens, without what they are: whose, for what, until when, and their last use."""
    with app.database() as database, database.reading() as session:
        rows = [_facts(one) for one in read_tokens(session)]
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        print_table("Tokens", tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        say("there is no token yet; next: hashmatch tokens create NAME --scope scan")


@command.command("revoke")
@click.argument("token_id")
@pass_app
def revoke(app: App, token_id: str) -> None:
    """Let a token in no more; running services follow within seconds."""
    with app.database() as database, database.writing() as session:
        revoke_token(session, token_id)
    say(f"revoked {token_id}")


def _facts(one: Token) -> dict[str, object]:
    return {
        "token": one.token_id,
        "name": one.name,
        "scopes": ", ".join(sorted(one.scopes)),
        "state": one.state(utc_now()),
        "requests_per_minute": one.requests_per_minute or None,
        "created_at": one.created_at.isoformat(timespec="seconds"),
        "expires_at": one.expires_at and one.expires_at.isoformat(timespec="seconds"),
        "last_used_at": one.last_used_at and one.last_used_at.isoformat(timespec="seconds"),
    }
