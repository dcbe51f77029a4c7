"""What the tests of cases share: a store with a list in it."""

from __future__ import annotations

import pytest

from hashmatch.store.engine import Database
from tests.pictures import list_of
from tests.store.importing import import_text


@pytest.fixture
def listed(database: Database) -> Database:
    """A store with one list."""
    import_text(database, "one", list_of(1, 2, 3, 4))
    return database
