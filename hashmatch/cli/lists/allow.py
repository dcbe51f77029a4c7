"""`hashmatch lists allow`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from hashmatch.errors import InputError
from hashmatch.hashes import FILE_HASH

from ..context import App, pass_app
from ..output import say

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


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
    from hashmatch.store.lists import Terms, allow_hash, parse_terms

    if (hash_ is None) is (match_id is None):
        raise click.UsageError("give a hash, or --match ID")
    terms = Terms(actor.strip(), None if until is None else until.date(), frozenset(only))
    parse_terms(terms.as_tags(), reason)
    with app.database() as database, database.writing() as session:
        if hash_ is not None:
            algorithm, value = _parse(hash_)
        else:
            algorithm, value = _hash_of_match(session, str(match_id))
        key = allow_hash(session, name, algorithm, value, terms, reason.strip())
    say(
        f"list {name}: added the {algorithm} as #{key}\n"
        f"to undo: hashmatch lists disable {name} '#{key}'"
    )


def _parse(text: str) -> tuple[str, bytes]:
    from hashmatch.hashers import find_algorithm

    name, separator, value = text.partition(":")
    if not separator:
        raise InputError("the hash is not written as ALGORITHM:HEX")
    algorithm = find_algorithm(name)
    return algorithm.name, algorithm.parse(value.strip())


def _hash_of_match(session: Session, match_id: str) -> tuple[str, bytes]:
    """Return the SHA-256 of a match's content, or where only hashes were looked up, that hash."""
    from hashmatch.store.matches import read_content_hashes, read_match

    stored = read_match(session, match_id)
    for one in read_content_hashes(session, stored.content.key):
        if one.algorithm == FILE_HASH:
            return one.algorithm, one.value
    return stored.record.algorithm, stored.record.value
