"""`hashmatch cases change-key`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say

_CASES_AT_ONCE = 100


@click.command("change-key")
@pass_app
def command(app: App) -> None:
    """Encrypt all uploader details with the newest key.

    That is the first of cases.detail_keys. Older keys can be removed afterwards.
    """
    from hashmatch.cases import reencrypt_details
    from hashmatch.uploaders import open_sealer

    sealer, number = open_sealer(app.settings), 0
    with app.database() as database:
        while True:
            with database.writing() as session:
                done = reencrypt_details(session, sealer, limit=_CASES_AT_ONCE)
            if not done:
                break
            number += done
    say(f"encrypted the details of {number} cases with the newest key")
