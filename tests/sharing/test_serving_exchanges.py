"""The service sends by itself, and says once what stops it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest

from hashmatch.store.engine import Database
from tests.service.serving import PATIENCE_S, serving
from tests.sharing.sending import Graph, Platform, graph, values

__all__ = ["graph"]


@pytest.mark.sqlite
@pytest.mark.timeout(400)
def test_the_service_sends_and_withdraws_by_itself(
    database: Database, graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(Database(database.url, busy_timeout_s=PATIENCE_S)) as patient:
        platform = Platform(patient, graph.section)
        graph.service.faults = ["graph:190"]
        with serving(platform.settings, patient):
            entry = platform.add(1)
            _require_soon(lambda: platform.facts()["state"] == "blocked")
            platform.wait()
            _require_soon(lambda: graph.has() == values(1))
            platform.withdraw(entry)
            _require_soon(lambda: graph.has() == set())
    written = capfd.readouterr()
    assert graph.service.token not in written.out + written.err


def _require_soon(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 100
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.2)
