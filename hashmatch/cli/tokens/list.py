"""`hashmatch tokens list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..context import App, json_option, pass_app
from ..output import print_rows, say

if TYPE_CHECKING:
    from hashmatch.store.tokens import Token


@click.command("list")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Show all tokens, without their secrets."""
    from hashmatch.store.tokens import read_tokens

    with app.database() as database, database.reading() as session:
        rows = [_facts(one) for one in read_tokens(session)]
    print_rows("Tokens", rows, as_json=as_json)
    if not rows and not as_json:
        say("there are no tokens yet; next: hashmatch tokens create NAME --scope scan")


def _facts(one: Token) -> dict[str, object]:
    from hashmatch.store.schema import utc_now

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
