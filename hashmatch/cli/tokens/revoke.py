"""`hashmatch tokens revoke`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say


@click.command("revoke")
@click.argument("token_id")
@pass_app
def command(app: App, token_id: str) -> None:
    """Revoke a token.

    Running services refuse it within seconds.
    """
    from hashmatch.store.tokens import revoke_token

    with app.database() as database, database.writing() as session:
        revoke_token(session, token_id)
    say(f"revoked {token_id}")
