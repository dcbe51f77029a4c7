"""Generations: one for each change of a list."""

from __future__ import annotations

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


def publish_generation(session: Session, row: HashList, counts: Counts, *, source: str) -> Change:
    """Record that the list was changed, in the transaction that changed it."""
    row.generation += 1
    row.active_entries += counts.added - counts.withdrawn
    session.add(
        Generation(
            list_key=row.key,
            number=row.generation,
            source=source,
            added=counts.added,
            withdrawn=counts.withdrawn,
            changed=counts.changed,
        )
    )
    session.flush()
    facts = {"list": row.name, "generation": row.generation, "source": source, **asdict(counts)}
    audit(session, "list.changed", row, facts)
    return Change(row.name, row.generation, counts)
