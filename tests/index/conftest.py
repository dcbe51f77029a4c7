"""The folder of an index, and readers of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, LiveIndex
from hashmatch.store.engine import Database


@pytest.fixture
def segments_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat small segments as large ones are treated."""
    monkeypatch.setattr("hashmatch.index.segments._SMALL_ENTRIES", 0)
    monkeypatch.setattr("hashmatch.index.segments._MERGE_RATIO", 0.5)


@pytest.fixture
def folder(settings: Settings) -> IndexFolder:
    return IndexFolder(settings.index_dir)


@pytest.fixture
def open_live(settings: Settings, database: Database) -> Iterator[Callable[..., LiveIndex]]:
    """Opens live indexes as other processes would."""
    opened: list[LiveIndex] = []

    def open_one(**options: bool) -> LiveIndex:
        opened.append(LiveIndex(database, settings.index_dir, ALGORITHMS, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def live(open_live: Callable[..., LiveIndex]) -> LiveIndex:
    return open_live()
