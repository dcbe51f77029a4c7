"""A service that ends: what it could not write is one line in its log."""

from __future__ import annotations

import asyncio

import pytest

from hashmatch.config import Settings
from hashmatch.errors import StoreExchangedError
from hashmatch.service import create_app
from hashmatch.service.runtime.state import ServiceState
from hashmatch.store.engine import Database


def _run(settings: Settings) -> None:
    app = create_app(settings)

    async def start_and_end() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(start_and_end())


@pytest.fixture
def local(settings: Settings, database: Database) -> Settings:
    return settings.model_copy(
        update={"intake": settings.intake.model_copy(update={"isolation": "none"})}
    )


def test_a_database_that_was_exchanged_is_one_line_at_the_end(
    local: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    close = ServiceState.close

    def fail(state: ServiceState) -> None:
        close(state)
        raise StoreExchangedError("the database was exchanged")

    monkeypatch.setattr(ServiceState, "close", fail)
    _run(local)
    said = "".join(capfd.readouterr())
    assert "the last counts were not written" in said
    assert "Traceback" not in said


def test_a_service_that_cannot_start_says_why(
    local: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreExchangedError("the database was exchanged")

    monkeypatch.setattr(ServiceState, "__init__", fail)
    with pytest.raises(StoreExchangedError):
        _run(local)
