"""python-threatexchange with the extension matches what a publisher shares, and no longer."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from threatexchange.extensions.manifest import ThreatExchangeExtensionManifest
from threatexchange.signal_type.pdq.signal import PdqSignal

from hashmatch.audit import make_key
from hashmatch.store.sharing import save_consumer
from tests.pictures import hashes_of

from .conftest import Publisher, Share

_EXTENSION = Path(__file__).parents[2] / "integrations" / "pytx"


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The extension's exchange, loaded as python-threatexchange loads it."""
    monkeypatch.syspath_prepend(str(_EXTENSION))
    manifest = ThreatExchangeExtensionManifest.load_from_module_name("hashmatch_pytx")
    (exchange,) = manifest.apis
    yield exchange
    for name in [one for one in sys.modules if one.startswith("hashmatch_pytx")]:
        del sys.modules[name]


class _Store:
    """What was fetched, as python-threatexchange keeps it between two fetches."""

    def __init__(self, exchange: Any, config: Any, monkeypatch: pytest.MonkeyPatch, token: str):
        monkeypatch.setenv("TX_HASHMATCH_TOKEN", token)
        self._exchange, self._config = exchange, config
        self._entries: dict[str, Any] = {}
        self._checkpoint: Any = None

    def fetch(self) -> None:
        if self._checkpoint is not None and self._checkpoint.is_stale():
            self._entries, self._checkpoint = {}, None
        api = self._exchange.for_collab(self._config)
        for delta in api.fetch_iter([PdqSignal], self._checkpoint):
            self._exchange.naive_fetch_merge(self._entries, delta.updates)
            self._checkpoint = delta.checkpoint

    def matches(self, *drawings: int) -> list[int]:
        found = self._exchange.naive_convert_to_signal_type(
            [PdqSignal], self._config, self._entries
        )
        index = PdqSignal.get_index_cls().build(found.get(PdqSignal, {}).items())
        return [one for one in drawings if index.query(hashes_of(one, "pdq")["pdq"].value.hex())]


def _config(exchange: Any, url: str, public_key: str = "") -> Any:
    config = exchange.get_config_cls()
    return config(name="theirs", url=url, list_name="ours", public_key=public_key)


def test_it_matches_what_is_added_and_not_what_is_withdrawn(
    share: Share, extension: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = make_key()
    key = tmp_path / "feed.key"
    key.write_text(private)
    with share(signing_key={"file": str(key)}, max_entries=2) as publisher:
        first = publisher.add(1)
        for one in (2, 3, 4):
            publisher.add(one)
        publisher.publish()
        config = _config(extension, publisher.served.url, public)
        store = _Store(extension, config, monkeypatch, publisher.token())
        store.fetch()
        assert store.matches(1, 2, 3, 4, 5) == [1, 2, 3, 4]
        publisher.withdraw(first)
        publisher.add(5)
        publisher.publish()
        store.fetch()
        assert store.matches(1, 2, 3, 4, 5) == [2, 3, 4, 5]


def test_it_begins_anew_where_it_may_see_less(
    publisher: Publisher, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.add(1, category="A1")
    publisher.add(2, category="B2")
    publisher.publish()
    config = _config(extension, publisher.served.url)
    store = _Store(extension, config, monkeypatch, publisher.token())
    store.fetch()
    assert store.matches(1, 2) == [1, 2]
    with publisher.database.writing() as session:
        save_consumer(session, "police", lists=["ours"], categories=["B2"])
    store.fetch()
    store.fetch()
    assert store.matches(1, 2) == [2]


def test_it_takes_nothing_that_another_signed(
    share: Share, extension: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, _ = make_key()
    _, other = make_key()
    key = tmp_path / "feed.key"
    key.write_text(private)
    with share(signing_key={"file": str(key)}) as publisher:
        publisher.add(1)
        publisher.publish()
        config = _config(extension, publisher.served.url, other)
        store = _Store(extension, config, monkeypatch, publisher.token())
        error = importlib.import_module("hashmatch_pytx.feed").FeedError
        with pytest.raises(error):
            store.fetch()
        assert store.matches(1) == []
