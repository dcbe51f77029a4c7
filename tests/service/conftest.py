"""What the tests of the service share: one that runs over a made-up list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from typing import Any, TypeAlias

import pytest

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from tests.pictures import list_of
from tests.service.doors import Doors, open_doors
from tests.service.serving import PATIENCE_S, Served, serving
from tests.store.importing import import_text

Serve: TypeAlias = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def database(database: Database, settings: Settings) -> Iterator[Database]:
    """The test's store, which waits while the service writes to it."""
    with closing(Database(settings.database_url, busy_timeout_s=PATIENCE_S)) as patient:
        yield patient


@pytest.fixture
def serve(settings: Settings, database: Database) -> Serve:
    """Serves over the test's store, with a list of drawings 1 and 2, under any `[service]`."""
    import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256")))

    def start(port: int = 0, **sections: dict[str, Any]) -> AbstractContextManager[Served]:
        chosen = {
            "data_dir": settings.data_dir,
            "database": {"url": settings.database_url, "busy_timeout_s": PATIENCE_S},
            "intake": {"isolation": "none"},
            **sections,
        }
        return serving(Settings.model_validate(chosen), database, port)

    return start


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service shared by the tests of a module that leave its store unchanged."""
    folder = tmp_path_factory.mktemp("steady")
    settings = Settings.model_validate({"data_dir": folder, "intake": {"isolation": "none"}})
    with closing(Database(settings.database_url, busy_timeout_s=PATIENCE_S)) as database:
        upgrade(database)
        import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256")))
        with serving(settings, database) as running:
            yield running


@pytest.fixture
def served(serve: Serve) -> Iterator[Served]:
    """A service that runs."""
    with serve() as running:
        yield running


@pytest.fixture
def own(served: Served) -> Served:
    """A service that has the own bank OWN and the licensed bank ONE."""
    assert served.client.post("/c/banks", json={"name": "OWN"}).status_code == 201
    return served


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Doors of two services, by file and by port."""
    with open_doors(tmp_path_factory.mktemp("doors")) as opened:
        yield opened
