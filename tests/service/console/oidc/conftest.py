"""A console and its provider: of a test's own, shared by a module, or certified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from tests.service.conftest import Serve
from tests.service.console.oidc.consoles import (
    OpenConsole,
    back,
    console_for,
    section,
)
from tests.service.console.oidc.hostile import (
    HostileProvider,
    hostile_provider,
)
from tests.service.console.oidc.real import real_provider
from tests.service.serving import PATIENCE_S, Served, free_port, serving


@pytest.fixture
def open_console(serve: Serve, tmp_path: Path) -> OpenConsole:
    """Serve a console of the test's own, for a client of an issuer."""

    def start(port: int, issuer: str, **options: Any) -> AbstractContextManager[Served]:
        return serve(port=port, console=section(port, issuer, tmp_path, **options))

    return start


@pytest.fixture
def new_provider() -> Iterator[HostileProvider]:
    """A provider that nobody has asked yet, and of which the client asks only what it may."""
    with hostile_provider() as provider:
        yield provider
        assert provider.complaints == []


@pytest.fixture
def new_console(open_console: OpenConsole, new_provider: HostileProvider) -> Iterator[str]:
    """The address of a console that knows nothing of the new provider yet."""
    with console_for(open_console, new_provider) as url:
        yield url


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, HostileProvider]]:
    """A console, and its provider, for tests that leave metadata and keys as they are."""
    folder, port = tmp_path_factory.mktemp("shared"), free_port()
    with hostile_provider() as provider:
        provider.redirect_uri = back(port)
        settings = Settings.model_validate(
            {
                "data_dir": folder,
                "intake": {"isolation": "none"},
                "console": section(port, provider.issuer, folder),
            }
        )
        with closing(Database(settings.database_url, busy_timeout_s=PATIENCE_S)) as database:
            upgrade(database)
            with serving(settings, database, port) as served:
                yield served.url, provider


@pytest.fixture
def console(shared: tuple[str, HostileProvider]) -> str:
    """The address of the shared console."""
    return shared[0]


@pytest.fixture
def provider(shared: tuple[str, HostileProvider]) -> Iterator[HostileProvider]:
    """The shared provider, correct again, of which the client asks only what it may."""
    provider = shared[1]
    provider.reset()
    yield provider
    assert provider.complaints == []


@pytest.fixture
def real(open_console: OpenConsole) -> Iterator[str]:
    """The address of a console whose people sign in at a certified provider."""
    port = free_port()
    with real_provider(back(port)) as issuer, open_console(port, issuer) as served:
        yield served.url
