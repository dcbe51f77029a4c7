"""`hashmatch policy explain`."""

from __future__ import annotations

import click

from hashmatch.errors import InputError

from ..context import App, login_name, pass_app
from ..output import say
from .options import cited, reason_options


@click.command("explain")
@click.argument("digest", required=False)
@reason_options
@pass_app
def command(app: App, digest: str | None, reason: str, evaluation: str | None) -> None:
    """Record the reason of the policy in force, or of one by its DIGEST.

    Its first characters are enough. An earlier reason stays in the audit log.
    """
    from hashmatch.policy import SHORT
    from hashmatch.store.policies import explain_policy, find_in_force

    with app.database() as database:
        facts = cited(database, evaluation)
        with database.writing() as session:
            if digest is None and (current := find_in_force(session)) is not None:
                digest = current.digest
            if digest is None:
                raise InputError(
                    "no policy is on record: nothing was started yet",
                    hint="'hashmatch policy adopt' records the one of the configuration.",
                )
            found = explain_policy(
                session, digest, reason=reason, evaluation=facts, actor=login_name()
            )
    say(f"policy {found.digest[:SHORT]} has its reason on record")
