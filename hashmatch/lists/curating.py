"""Curation of own lists: hashes that the operator adds, one entry at a time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.hashers import is_degenerate
from hashmatch.hashes import Hash, Kind
from hashmatch.store.engine import Database
from hashmatch.store.lists import add_entry, find_list

# About half of the bits of a picture's hash are set. One with far fewer or more is that of a
# uniform picture, or near it: it would match whatever shows nothing.
_LEAST_SHARE = 0.25


def add_hashes(
    database: Database, name: str, hashes: Sequence[Hash], *, note: str = "", actor: str = ""
) -> int:
    """Add an entry with these hashes to an own list and return its number.

    The audit log names `actor`. Raises `UnknownListError`, and `InputError` for a hash that about
    every uniform picture has.
    """
    with database.writing(actor) as session:
        return add_entry_of(session, name, hashes, note=note)


def add_entry_of(
    session: Session,
    name: str,
    hashes: Sequence[Hash],
    *,
    note: str = "",
    category: str = "",
    tags: Sequence[str] = (),
) -> int:
    """Do the same in a transaction, with the category and tags of the entry."""
    for one in hashes:
        _require_distinctive(one)
    values = {one.algorithm.name: one.value for one in hashes}
    row = find_list(session, name)
    return add_entry(session, row, values, note, category=category, tags=tags)


def _require_distinctive(one: Hash) -> None:
    if one.algorithm.kind is not Kind.PERCEPTUAL:
        return
    share = int.from_bytes(one.value).bit_count() / one.algorithm.bits
    is_balanced = _LEAST_SHARE <= share <= 1 - _LEAST_SHARE
    if not is_balanced or is_degenerate(one.algorithm, one.value):
        raise InputError(f"the {one.algorithm.name} value is that of a uniform picture")
