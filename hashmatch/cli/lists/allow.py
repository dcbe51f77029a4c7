"""`hashmatch lists allow`."""

from __future__ import annotations

from datetime import datetime

import click

from ..context import App, pass_app
from ..output import say


@click.command("allow")
@click.argument("name")
@click.argument("hash_", metavar="[ALGORITHM:HEX]", required=False)
@click.option("--match", "match_id", help="Allow the content of this match, instead of a hash.")
@click.option("--reason", required=True, help="Why its matches are false positives.")
@click.option("--by", "actor", required=True, help="Name of the person who decided this.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day, YYYY-MM-DD.")
@click.option("--only", multiple=True, help="Allow matches of this list only; repeatable.")
@pass_app
def command(
    app: App,
    name: str,
    hash_: str | None,
    match_id: str | None,
    reason: str,
    actor: str,
    until: datetime | None,
    only: tuple[str, ...],
) -> None:
    """Add a known false positive to an allow list.

    The allow list NAME is created if it is new. A SHA-256 stands for the file itself: all
    matches of that file are allowed. Any other hash allows matches of exactly
    this value, and none of similar values.
    """
    from hashmatch.lists import hash_of_match, parse_hash
    from hashmatch.store.lists import Terms, allow_hash, parse_terms

    if (hash_ is None) is (match_id is None):
        raise click.UsageError("give a hash, or --match ID")
    terms = Terms(actor.strip(), None if until is None else until.date(), frozenset(only))
    parse_terms(terms.as_tags(), reason)
    with app.database() as database, database.writing() as session:
        if hash_ is not None:
            algorithm, value = parse_hash(hash_)
        else:
            algorithm, value = hash_of_match(session, str(match_id))
        key = allow_hash(session, name, algorithm, value, terms, reason.strip())
    say(
        f"list {name}: added the {algorithm} as #{key}\n"
        f"to undo: hashmatch lists disable {name} '#{key}'"
    )
