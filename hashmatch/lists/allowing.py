"""Hashes that people name for an own list or an allow list: written out, or of a match."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import FILE_HASH
from hashmatch.store.matches import read_content_hashes, read_match


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

    Raises `NotFoundError`.
    """
    stored = read_match(session, match_id)
    for one in read_content_hashes(session, stored.content.key):
        if one.algorithm == FILE_HASH:
            return one.algorithm, one.value
    return stored.record.algorithm, stored.record.value
