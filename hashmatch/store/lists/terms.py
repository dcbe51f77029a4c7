"""Terms of lists: what prompts are matched against, and the phrases that explain a match."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ClauseElement, func, select
from sqlalchemy.orm import Session

from hashmatch.terms import TERM

from ..engine import Database, Rows, StandingQuestion
from ..schema import Entry, EntryChange, Generation, HashList
from .entries import IS_DISABLED, is_in_force, is_listed
from .registry import ALLOW, CHANGED_AT, IS_NEWEST, TERMS

_TERMS_A_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class TermEntry:
    """An entry of a list that is a term; `value` is the term as it is stored."""

    key: int
    list_key: int
    entry_id: str
    category: str
    tags: tuple[str, ...]
    note: str
    value: bytes
    disabled_until: datetime | None


class FollowedTermLists:
    """The lists of terms and the allow lists, for one thread at a time; close it at the end."""

    def __init__(self, database: Database) -> None:
        self._question = StandingQuestion(database, _state_of_lists())

    def read(self) -> Rows:
        """Return the state of the lists: the very same rows as long as nothing changed."""
        return self._question.ask()

    def close(self) -> None:
        """Give up the connection."""
        self._question.close()


def _state_of_lists() -> ClauseElement:
    of_terms = HashList.removed_at.is_(None) & HashList.kind.in_((TERMS, ALLOW))
    return (
        select(HashList.key, HashList.name, HashList.kind, HashList.licensor,
               HashList.licence_end, HashList.generation, CHANGED_AT)
        .select_from(HashList)
        .outerjoin(Generation, IS_NEWEST)
        .where(of_terms)
        .order_by(HashList.key)
    )  # fmt: skip


def read_terms(session: Session, kind: str) -> Iterator[TermEntry]:
    """Yield the terms of all lists of a kind, without those that are disabled for good."""
    lists = select(HashList).where(HashList.removed_at.is_(None), HashList.kind == kind)
    for row in session.scalars(lists.order_by(HashList.key)).all():
        query = (
            select(Entry.key, Entry.list_key, Entry.entry_id,
                   func.coalesce(EntryChange.category, Entry.category),
                   func.coalesce(EntryChange.tags, Entry.tags),
                   func.coalesce(EntryChange.note, Entry.note), Entry.value, Entry.disabled_until)
            .join(HashList, HashList.key == Entry.list_key)
            .outerjoin(EntryChange, is_in_force())
            .where(*is_listed(row), Entry.algorithm == TERM)
            .where(~IS_DISABLED)
            .execution_options(yield_per=_TERMS_A_PAGE)
        )  # fmt: skip
        for key, list_key, entry_id, category, tags, note, value, until in session.execute(query):
            shown = tuple(json.loads(tags))
            yield TermEntry(key, list_key, entry_id, category, shown, note, value, until)
