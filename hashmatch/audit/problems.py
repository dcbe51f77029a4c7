"""Results of a verification of the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashmatch.store.engine import FIRST_HASH

# Enough to show what kind of damage it is, and to bound the memory.
_MAX_PROBLEMS = 1_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Difference from the recorded state, and its place."""

    place: str
    problem: str


@dataclass(slots=True)
class Verification:
    """Result of a verification: the length of the chain, its signatures and the problems found.

    `records` are sealed, `unsealed` not yet. `signed_up_to` is the number of the last record that a
    valid signature covers.
    """

    records: int = 0
    unsealed: int = 0
    rows: int = 0
    end_hash: bytes = FIRST_HASH
    signed_up_to: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        """Say whether no problem was found."""
        return not self.problems

    def add(self, place: str, problem: str) -> None:
        """Add a problem, unless there are a thousand already."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(place, problem))
