"""Generations: one for each change of a list."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..engine import audit
from ..schema import Generation, HashList


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of entries that a change touched."""

    added: int = 0
    withdrawn: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Keys:
    """First and last key of entries, among which those of other lists may be."""

    first: int
    last: int

    @classmethod
    def of(cls, keys: Collection[int]) -> Keys | None:
        """Return those of some entries, None of none."""
        return cls(min(keys), max(keys)) if keys else None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a list; `generation` is the one in force afterwards."""

    list_name: str
    generation: int
    counts: Counts


def was_at(session: Session, list_key: int, generation: int, changed_at: datetime) -> bool:
    """Say whether the list ever was at that generation, and reached it at that time.

    A store that was restored from a backup counts its generations again.
    """
    if not generation:
        return True
    reached = select(Generation.created_at).where(
        Generation.list_key == list_key, Generation.number == generation
    )
    return session.scalar(reached) == changed_at


def next_number(row: HashList) -> int:
    """Return the number of the next change of a list beside a delivery that is being prepared."""
    return max(row.generation, row.preparing or 0) + 1


def publish_generation(
    session: Session,
    row: HashList,
    counts: Counts,
    *,
    source: str,
    keys: Keys | None = None,
    prepared_as: int | None = None,
) -> Change:
    """Record that the list was changed, in the transaction that changed it.

    `keys` are those of entries that were added. They and those that were withdrawn have the number
    of `next_number`, or the one that they were `prepared_as`.
    """
    number = next_number(row) if prepared_as is None else max(row.generation + 1, prepared_as)
    row.generation = number
    row.active_entries += counts.added - counts.withdrawn
    session.add(
        Generation(
            list_key=row.key,
            number=row.generation,
            source=source,
            added=counts.added,
            withdrawn=counts.withdrawn,
            changed=counts.changed,
            prepared_as=None if prepared_as == number else prepared_as,
            first_key=keys and keys.first,
            last_key=keys and keys.last,
        )
    )
    session.flush()
    facts = {"list": row.name, "generation": row.generation, "source": source, **asdict(counts)}
    audit(session, "list.changed", row, facts)
    return Change(row.name, row.generation, counts)
