"""Hashes that people name for an own list or an allow list: written out, or of a match."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hashmatch.errors import CaseStateError, InputError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import FILE_HASH
from hashmatch.store.cases import find_result
from hashmatch.store.matches import read_content_hashes, read_match
from hashmatch.store.schema import ReviewResult


def parse_hash(text: str) -> tuple[str, bytes]:
    """Return the algorithm and value of a hash that is written as ALGORITHM:HEX.

    Raises `InputError`, which does not quote it.
    """
    name, separator, value = text.partition(":")
    if not separator:
        raise InputError("the hash is not written as ALGORITHM:HEX")
    algorithm = find_algorithm(name.strip())
    return algorithm.name, algorithm.parse(value.strip())


def hash_of_match(session: Session, match_id: str) -> tuple[str, bytes]:
    """Return the SHA-256 of a match's content, or where only hashes were looked up, that hash.

    Raises `NotFoundError`, and `CaseStateError` where its case was confirmed.
    """
    stored = read_match(session, match_id.strip().removeprefix("match").strip())
    if find_result(session, stored.content.content_id) == ReviewResult.CONFIRMED:
        raise CaseStateError(
            f"match {stored.record.key} is of a case that was confirmed",
            hint="Nothing that was confirmed is allowed: reopen the case and dismiss it first.",
        )
    for one in read_content_hashes(session, stored.content.key):
        if one.algorithm == FILE_HASH:
            return one.algorithm, one.value
    return stored.record.algorithm, stored.record.value
