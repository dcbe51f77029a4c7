"""Entries that flood, and what a person decides about them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind
from hashmatch.store.matches import FloodAction, FloodingEntry, read_flooding, set_flood_action


def flooding_facts(entry: FloodingEntry) -> dict[str, Any]:
    """Return an entry that floods, for people and programs."""
    return {
        "entry_id": entry.entry_id,
        "algorithm": entry.algorithm,
        "day": entry.day.isoformat(),
        "contents": entry.contents,
        "since": entry.since.isoformat(timespec="seconds"),
        "cases": entry.cases,
        "set_to": entry.action,
    }


def decide_flooding(
    session: Session, list_name: str, entry_id: str, action: FloodAction, actor: str
) -> None:
    """Set what near copies of an entry that floods lead to. Raises `NotFoundError`.

    Raises `InputError` for an entry whose hashes are exact: they match a file and nothing else.
    """
    found = [one for one in read_flooding(session, list_name) if one.entry_id == entry_id]
    if not found:
        raise NotFoundError(
            f"no entry {entry_id[:64]!r} of list {list_name} floods",
            hint="'hashmatch lists flooding' names those that do.",
        )
    near = [one for one in found if _matches_near_copies(one)]
    if not near:
        raise InputError(
            f"entry {entry_id} of list {list_name} matches exact copies, which go on matching",
            hint="'hashmatch lists disable' takes an entry out of matching that is wrong.",
        )
    set_flood_action(session, near, action, actor)


def _matches_near_copies(entry: FloodingEntry) -> bool:
    algorithm = ALGORITHMS.get(entry.algorithm)
    return algorithm is None or algorithm.kind is not Kind.EXACT
