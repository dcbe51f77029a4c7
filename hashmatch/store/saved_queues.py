"""Saved queues: filters of the queue under a name, for their owners and those they name."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError

from .schema import SavedQueue, require_text, utc_now

# All are read for each page of the queue.
_MOST = 500


@dataclass(frozen=True, slots=True)
class Queue:
    """A saved queue: the query of its URL, and the names and scopes that may open it."""

    key: int
    owner: str
    name: str
    query: str
    access: Sequence[str]

    def is_open_to(self, name: str, scopes: Collection[str]) -> bool:
        """Say whether somebody may open it: its owner, and those whom it names."""
        return name == self.owner or name in self.access or not set(self.access).isdisjoint(scopes)


def save_queue(
    session: Session, owner: str, name: str, query: str, access: Collection[str]
) -> None:
    """Save a queue, in place of the owner's of that name. Raises `InputError`."""
    require_text(owner, name, query, *access)
    if not name.strip():
        raise InputError("a saved queue needs a name")
    of_name = SavedQueue.owner == owner, SavedQueue.name == name
    row = session.scalar(select(SavedQueue).where(*of_name))
    if row is None:
        if len(session.scalars(select(SavedQueue.key).limit(_MOST)).all()) == _MOST:
            raise InputError(f"there are {_MOST} saved queues", hint="Remove one of them.")
        row = SavedQueue(owner=owner, name=name)
        session.add(row)
    row.query, row.access, row.saved_at = query, json.dumps(sorted(access)), utc_now()


def read_queues(session: Session, name: str, scopes: Collection[str]) -> list[Queue]:
    """Return the saved queues that somebody may open, by name."""
    rows = session.scalars(select(SavedQueue).order_by(SavedQueue.name, SavedQueue.key))
    found = [Queue(row.key, row.owner, row.name, row.query, json.loads(row.access)) for row in rows]
    return [one for one in found if one.is_open_to(name, scopes)]


def remove_queue(session: Session, key: int, owner: str) -> None:
    """Remove a saved queue of its owner. Raises `NotFoundError`."""
    row = session.get(SavedQueue, key)
    if row is None or row.owner != owner:
        raise NotFoundError("there is no such saved queue of yours")
    session.delete(row)
