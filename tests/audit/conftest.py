"""What the tests of the chain share: a key to sign with, and a store that is sealed when asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from hashmatch.audit import make_key, open_seal
from hashmatch.config import Settings
from hashmatch.store.engine import Database
from tests.cases.making import settings_with
from tests.pictures import list_of
from tests.store.importing import import_text


@pytest.fixture
def sealed_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sealed before a test says so."""
    monkeypatch.setattr("hashmatch.store.engine.sealer._GATHER_S", 3600)
    monkeypatch.setattr("hashmatch.store.engine.sealer._LOOK_EVERY_S", 3600)


@pytest.fixture
def signed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a key to sign with."""
    monkeypatch.setenv("AUDIT_KEY", make_key()[0])
    return settings_with(settings, audit={"signing_key": {"env": "AUDIT_KEY"}})


@pytest.fixture
def store(sealed_by_hand: None, database: Database, signed: Settings) -> Iterator[Database]:
    """A store on a signed chain, with a list in it."""
    with closing(Database(signed.database_url, seal=open_seal(signed))) as store:
        import_text(store, "one", list_of(1, 2, 3))
        store.seal_records()
        yield store
