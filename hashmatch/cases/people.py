"""Who acts, and in what capacity."""

from __future__ import annotations

from dataclasses import dataclass

from .states import Role


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, by the name that counts as one person; `actor` is how they came in."""

    name: str
    actor: str
    roles: frozenset[Role]

    def is_same(self, name: str) -> bool:
        """Say whether that is the name of this person."""
        return self.name.strip().casefold() == name.strip().casefold()


SYSTEM = Person("hashmatch", "hashmatch", frozenset({Role.SYSTEM}))
