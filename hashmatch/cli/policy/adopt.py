"""`hashmatch policy adopt`."""

from __future__ import annotations

import click

from ..context import App, login_name, pass_app
from ..output import say
from .options import cited, reason_options


@click.command("adopt")
@reason_options
@pass_app
def command(app: App, reason: str, evaluation: str | None) -> None:
    """Record the policy of the configuration with its reason, before anything runs.

    It comes into force with the first process that starts.
    """
    from hashmatch.policy import SHORT
    from hashmatch.store.policies import explain_policy
    from hashmatch.wiring import read_policy

    with app.database() as database:
        facts = cited(database, evaluation)
        policy = read_policy(app.settings, database).policy
        with database.writing() as session:
            explain_policy(session, policy, reason=reason, evaluation=facts, actor=login_name())
    say(f"policy {policy.digest[:SHORT]} is on record with its reason")
