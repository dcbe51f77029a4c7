"""Entries that flood, and what a person decides about them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind
from hashmatch.store.engine import Database
from hashmatch.store.lists import disable_hashes, enable_hashes, read_keys_of_hashes
from hashmatch.store.matches import FloodAction, FloodingEntry, read_flooding, set_flood_action


def flooding_facts(entry: FloodingEntry) -> dict[str, Any]:
    """Return an entry that floods, for people and programs."""
    return {
        "entry_id": entry.entry_id,
        "algorithm": entry.algorithm,
        "day": entry.day.isoformat(),
        "contents": entry.contents,
        "since": entry.since.isoformat(timespec="seconds"),
        "set_to": entry.action,
    }


def decide_flooding(
    database: Database, list_name: str, entry_id: str, action: FloodAction, actor: str
) -> None:
    """Set what near copies of an entry that floods lead to; exact copies are kept as they are.

    It goes for all entries of the list that share its hash. Raises `NotFoundError`, and
    `InputError` for an entry that matches nothing but exact copies.
    """
    with database.reading() as session:
        near, exact = _flooding_hashes(session, list_name, entry_id, action)
        keys = [one.entry_key for one in near]
        if action is FloodAction.DISABLE:
            keys = read_keys_of_hashes(session, list_name, keys)
    with database.writing() as session:
        set_flood_action(session, exact, FloodAction.KEEP, actor)
        set_flood_action(session, near, action, actor)
        if action is FloodAction.DISABLE:
            disable_hashes(session, list_name, keys)
        else:
            enable_hashes(session, list_name, keys)


def _flooding_hashes(
    session: Session, list_name: str, entry_id: str, action: FloodAction
) -> tuple[list[FloodingEntry], list[FloodingEntry]]:
    """Return the hashes of an entry that match near copies, and those that match exact ones."""
    found = [one for one in read_flooding(session, list_name) if one.entry_id == entry_id]
    if not found:
        raise NotFoundError(
            f"no entry {entry_id[:64]!r} of list {list_name} floods",
            hint="'hashmatch lists flooding' names those that do.",
        )
    near = [one for one in found if _matches_near_copies(one)]
    exact = [one for one in found if one not in near]
    if not near and action is not FloodAction.KEEP:
        raise InputError(
            f"entry {entry_id} of list {list_name} matches exact copies, which go on matching",
            hint="Set it to keep; 'hashmatch lists disable' takes a wrong entry out of matching.",
        )
    return near, exact


def _matches_near_copies(entry: FloodingEntry) -> bool:
    algorithm = ALGORITHMS.get(entry.algorithm)
    return algorithm is None or algorithm.kind is not Kind.EXACT
