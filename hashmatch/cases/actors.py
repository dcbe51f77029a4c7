"""Actors: people and systems that act on cases, with their roles."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from .states import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts, by the name that counts as one person.

    `audit_name` is how the audit log names them, which says how they were authenticated, too.
    """

    name: str
    audit_name: str
    roles: frozenset[Role]

    def is_same(self, name: str) -> bool:
        """Say whether that is the name of this actor, however its letters are composed."""
        return _as_person(self.name) == _as_person(name)


def _as_person(name: str) -> str:
    return unicodedata.normalize("NFKC", name.strip()).casefold()


SYSTEM = Actor("hashmatch", "hashmatch", frozenset({Role.SYSTEM}))
