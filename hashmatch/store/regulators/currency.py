"""Changes of lists in a period: entries that came, went and changed, and how often."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..schema import Generation, HashList
from .grouping import Span


@dataclass(frozen=True, slots=True)
class ListChanges:
    """Changes of one list in a period; `kind` says whether it is matched, own or allows."""

    name: str
    kind: str
    licensor: str
    generations: int
    added: int
    withdrawn: int
    changed: int


def count_list_changes(session: Session, span: Span) -> list[ListChanges]:
    """Return the changes of each list that there was in a period, removed ones included."""
    query = select(HashList).where(HashList.created_at < span.until).order_by(HashList.name)
    return [
        _changes_of(session, one, span)
        for one in session.scalars(query).all()
        if one.removed_at is None or one.removed_at >= span.since
    ]


def _changes_of(session: Session, row: HashList, span: Span) -> ListChanges:
    # Newest first, and no further than the period: a list may change each hour, for years.
    query = (
        select(Generation.created_at, Generation.added, Generation.withdrawn, Generation.changed)
        .where(Generation.list_key == row.key)
        .order_by(Generation.number.desc())
    )
    generations = added = withdrawn = changed = 0
    with session.execute(query.execution_options(yield_per=500)) as rows:
        for created_at, came, went, other in rows:
            if created_at < span.since:
                break
            if created_at < span.until:
                generations += 1
                added, withdrawn, changed = added + came, withdrawn + went, changed + other
    return ListChanges(row.name, row.kind, row.licensor, generations, added, withdrawn, changed)
