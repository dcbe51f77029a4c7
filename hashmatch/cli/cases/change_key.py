"""`hashmatch cases change-key`."""

from __future__ import annotations

import click

from ..context import App, pass_app
from ..output import say

_ROWS_AT_ONCE = 100


@click.command("change-key")
@pass_app
def command(app: App) -> None:
    """Encrypt all uploader details, and contacts of notices, with the newest key.

    That is the first of cases.detail_keys. Older keys can be removed afterwards.
    """
    from hashmatch.cases import reencrypt_details
    from hashmatch.notices import reencrypt_contacts
    from hashmatch.uploaders import open_sealer

    sealer, numbers = open_sealer(app.settings), []
    with app.database() as database:
        for reencrypt in (reencrypt_details, reencrypt_contacts):
            numbers.append(0)
            while True:
                with database.writing() as session:
                    done = reencrypt(session, sealer, limit=_ROWS_AT_ONCE)
                if not done:
                    break
                numbers[-1] += done
    say(f"encrypted the details of {numbers[0]} cases with the newest key")
    if numbers[1]:
        say(f"and the contacts of {numbers[1]} notices")
