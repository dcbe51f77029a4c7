"""What a removal leaves behind is cleared, whatever happens to the list meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError
from hashmatch.store.engine import Database, Turns
from hashmatch.store.lists import (
    Terms,
    allow_hash,
    clear_removed,
    count_disabled,
    disable_entries,
    enable_entries,
    find_list,
    remove_list,
)
from hashmatch.store.schema import Entry
from tests.store.importing import import_text
from tests.store.test_generations import list_file


class _Interrupted(Turns):
    """Turns before one of which something else happens."""

    def __init__(self, database: Database, number: int) -> None:
        super().__init__(lambda: database.writing(background=True))
        self._database, self._left = database, number

    @contextmanager
    def next(self) -> Iterator[Session]:
        self._left -= 1
        if self._left == 0:
            import_text(self._database, "one", list_file(4, 5, 6))
            _remove(self._database)
        with super().next() as session:
            yield session


def _remove(database: Database) -> None:
    with database.writing() as session:
        remove_list(session, "one")


@pytest.mark.parametrize("turn", range(1, 7))
def test_a_list_that_is_filled_and_removed_again_meanwhile_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    monkeypatch.setattr("hashmatch.store.lists.registry._FEW_ENTRIES", 1)
    import_text(database, "one", list_file(1, 2, 3))
    _remove(database)
    with database.reading() as session:
        key = find_list(session, "one", removed_too=True).key
    clear_removed(_Interrupted(database, turn), key)
    with database.reading() as session:
        row = find_list(session, "one", removed_too=True)
        left = session.scalar(select(func.count()).select_from(Entry))
        assert not left or row.clear_from is not None


def test_a_hash_that_is_allowed_again_is_no_disabled_one_any_more(database: Database) -> None:
    def allow() -> int:
        with database.writing() as session:
            return allow_hash(session, "fine", "md5", bytes(16), Terms("Jane"), "a logo")

    first = allow()
    with database.writing() as session:
        disable_entries(session, "fine", [f"#{first}"])
    allow()
    with database.reading() as session:
        assert count_disabled(session) == {}
    with database.writing() as session, pytest.raises(NotFoundError):
        enable_entries(session, "fine", [f"#{first}"])
