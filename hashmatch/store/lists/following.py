"""Followed lists: those of the moment, read from the store only where they changed."""

from __future__ import annotations

from sqlalchemy import ClauseElement, select

from hashmatch.errors import StoreError

from ..engine import Database, Rows, StandingQuestion, exchanged
from ..schema import Generation, HashList, StoreIdentity
from .registry import CHANGED_AT, IS_NEWEST, MATCHED, ListState, read_lists


class FollowedLists:
    """The lists that images are matched against, for one thread at a time; close it at the end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._question = StandingQuestion(database, _state_of_lists())
        self._rows: Rows | None = None
        self._lists: tuple[ListState, ...] = ()
        self._store_id = ""

    def read(self) -> tuple[ListState, ...]:
        """Return the lists of this moment: the very same tuple as long as nothing changed.

        Raises `StoreExchangedError` where it is no longer the same store, and `StoreError`.
        """
        rows = self._question.ask()
        if rows is self._rows:
            return self._lists
        if not rows:
            raise StoreError(f"{self._database.name()}: the store has lost its identity")
        if self._store_id not in ("", rows[0][0]):
            raise exchanged(self._database.name())
        if rows != self._rows:
            # They may be newer than the rows, and are read again then.
            with self._database.reading() as session:
                self._lists = read_lists(session)
        self._rows, self._store_id = rows, rows[0][0]
        return self._lists

    def close(self) -> None:
        """Give up the connection."""
        self._question.close()


def _state_of_lists() -> ClauseElement:
    """Select everything that a `ListState` is made of, and the store's identity in each row."""
    is_matched = HashList.removed_at.is_(None) & HashList.kind.in_(MATCHED)
    return (
        select(
            StoreIdentity.identity,
            HashList.key,
            HashList.name,
            HashList.kind,
            HashList.licensor,
            HashList.licence_end,
            HashList.generation,
            HashList.active_entries,
            CHANGED_AT,
        )
        .select_from(StoreIdentity)
        .outerjoin(HashList, is_matched)
        .outerjoin(Generation, IS_NEWEST)
        .order_by(HashList.key)
    )
