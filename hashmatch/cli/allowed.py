"""`hashmatch lists allow`: one known false positive at a time."""

from __future__ import annotations

from datetime import datetime

import click
from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.hashers import find_algorithm
from hashmatch.store.lists import Terms, allow_hash, parse_terms
from hashmatch.store.matches import read_match

from .context import App, pass_app
from .output import say

_WHOLE_FILE = "sha256"


@click.command("allow")
@click.argument("name")
@click.argument("hash_", metavar="[ALGORITHM:HEX]", required=False)
@click.option("--match", "match_id", help="The content of this match, instead of a hash.")
@click.option("--reason", required=True, help="Why its matches are false.")
@click.option("--by", "person", required=True, help="Who says so.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day, YYYY-MM-DD.")
@click.option("--only", multiple=True, help="Only for matches of this list; repeatable.")
@pass_app
def command(
    app: App,
    name: str,
    hash_: str | None,
    match_id: str | None,
    reason: str,
    person: str,
    until: datetime | None,
    only: tuple[str, ...],
) -> None:
    """Put a known false positive on the allow list NAME, which is made if it is new.

    A SHA-256 stands for the very file: none of its matches is told any more. Any other hash stands
    for itself: matches of this very value are not told, those of one near it are.
    """
    if (hash_ is None) is (match_id is None):
        raise click.UsageError("give a hash, or --match ID")
    terms = Terms(person.strip(), None if until is None else until.date(), frozenset(only))
    parse_terms(terms.as_tags(), reason)
    with app.database() as database, database.writing() as session:
        if hash_ is not None:
            algorithm, value = _parse(hash_)
        else:
            algorithm, value = _hash_of_match(session, str(match_id))
        key = allow_hash(session, name, algorithm, value, terms, reason.strip())
    say(
        f"list {name}: allowed by its {algorithm} as #{key}\n"
        f"to end that: hashmatch lists withdraw {name} '#{key}'"
    )


def _parse(text: str) -> tuple[str, bytes]:
    name, separator, value = text.partition(":")
    if not separator:
        raise InputError("the hash is not written as ALGORITHM:HEX")
    algorithm = find_algorithm(name)
    return algorithm.name, algorithm.parse(value.strip())


def _hash_of_match(session: Session, match_id: str) -> tuple[str, bytes]:
    """Return the SHA-256 of a match's content, or where only hashes were looked up, that hash."""
    stored, hashes = read_match(session, match_id)
    for one in hashes:
        if one.algorithm == _WHOLE_FILE:
            return one.algorithm, one.value
    return stored.record.algorithm, stored.record.value
