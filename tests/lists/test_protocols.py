"""Exchanges as they really answer: new kinds, missing members, full stops between pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from hashmatch.config import GuardSettings, Settings
from hashmatch.lists import (
    ListSource,
    NCMECSource,
    StopNCIIKeys,
    StopNCIISource,
    ThreatExchangeSource,
    sync_list,
)
from hashmatch.store.engine import Database
from hashmatch.store.lists import SyncFacts, count_unsupported
from tests.lists.exchanges import EPOCH
from tests.lists.loopback import Service, serving
from tests.lists.ncmec_server import Entry, Member, NcmecServer
from tests.lists.sources import active_numbers
from tests.lists.stopncii_server import Record, StopNciiServer
from tests.lists.threatexchange_server import Descriptor, Indicator, ThreatExchangeServer

_UNGUARDED = Settings(guards=GuardSettings(max_withdrawn_share=1, max_growth_factor=1e9))
ONE, TWO = Member(1, "One"), Member(2, "Two")


class _Clock:
    def __init__(self, server: Service) -> None:
        self.time = EPOCH
        server.now = lambda: self.time

    def go(self, **parts: float) -> None:
        self.time += timedelta(**parts)


@pytest.fixture
def ncmec() -> Iterator[NcmecServer]:
    with serving(NcmecServer(page_size=3), "/npo") as server:
        yield server


@pytest.fixture
def stopncii() -> Iterator[StopNciiServer]:
    with serving(StopNciiServer(page_size=3), "/v1") as server:
        yield server


@pytest.fixture
def updates() -> Iterator[ThreatExchangeServer]:
    with serving(ThreatExchangeServer(page_size=3), "/v26.0") as server:
        yield server


def _source_of(server: Service, *members: str) -> ListSource:
    if isinstance(server, NcmecServer):
        auth = (server.username, server.password)
        return NCMECSource(server.url, auth, members=members, wait_s=0.001)
    if isinstance(server, StopNciiServer):
        keys = StopNCIIKeys(server.fetch_key, server.subscription_key, server.feedback_key)
        return StopNCIISource(server.url, keys, wait_s=0.001)
    assert isinstance(server, ThreatExchangeServer)
    return ThreatExchangeSource(server.url, server.privacy_group, server.token, wait_s=0.001)


def _sync(database: Database, server: Service, *members: str) -> SyncFacts:
    return sync_list(database, "one", _source_of(server, *members), _UNGUARDED)


def _unsupported(database: Database) -> dict[str, int]:
    with database.reading() as session:
        return count_unsupported(session).get("one", {})


def _md5(number: int) -> dict[str, str | None]:
    return {"md5": f"{number:032x}"}


def test_a_new_kind_of_fingerprint_replaces_the_entry_as_any_other_does(
    database: Database, ncmec: NcmecServer
) -> None:
    clock = _Clock(ncmec)
    kept, changed = Entry("kept", _md5(1)), Entry("changed", _md5(2))
    ncmec.put(kept)
    ncmec.put(changed)
    clock.go(minutes=1)
    _sync(database, ncmec)
    clock.go(hours=1)
    ncmec.put(Entry("changed", {"new-kind": "n" * 5_000, "ssvh-safer-hash": None}))
    ncmec.put(Entry("unread", {"md5": ""}))
    clock.go(minutes=1)
    facts = _sync(database, ncmec)
    assert (facts.outcome, facts.rejected_rows, facts.counts.withdrawn) == ("changed", 0, 1)
    assert active_numbers(database) == [1]
    assert _unsupported(database) == {"new-kind": 1, "ssvh-safer-hash": 1}
    assert ncmec.wrong == []


def test_a_kind_that_is_a_hash_is_not_shown_as_a_name(
    database: Database, ncmec: NcmecServer
) -> None:
    clock = _Clock(ncmec)
    ncmec.put(Entry("one", _md5(1) | {"a" * 40: "value"}))
    clock.go(minutes=1)
    assert _sync(database, ncmec).rejected_rows == 0
    assert _unsupported(database) == {"unknown": 1}


def test_many_pages_are_read_through_links_with_milliseconds(
    database: Database, ncmec: NcmecServer
) -> None:
    clock = _Clock(ncmec)
    for number in range(40):
        ncmec.put(Entry(f"e{number}", _md5(number), video=number % 3 == 0, classification=""))
    clock.go(minutes=1)
    _sync(database, ncmec)
    assert sorted(active_numbers(database)) == list(range(40))
    paged = [one.query["from"] for one in ncmec.requests if "start" in one.query]
    assert paged
    assert all(text.endswith(".000Z") for text in paged)
    assert ncmec.wrong == []


def test_a_list_is_limited_to_chosen_members_and_read_again_for_more(
    database: Database, ncmec: NcmecServer
) -> None:
    clock = _Clock(ncmec)
    ncmec.put(Entry("a", _md5(1), ONE))
    ncmec.put(Entry("a", _md5(2), TWO))
    clock.go(hours=2)
    _sync(database, ncmec, "1")
    assert active_numbers(database) == [1]
    ncmec.put(Entry("b", _md5(3), TWO))
    clock.go(hours=2)
    _sync(database, ncmec, "1")
    assert active_numbers(database) == [1]
    _sync(database, ncmec, "1", "Two")
    assert sorted(active_numbers(database)) == [1, 2, 3]
    _sync(database, ncmec)
    assert sorted(active_numbers(database)) == [1, 2, 3]
    _sync(database, ncmec, "2")
    assert sorted(active_numbers(database)) == [2, 3]


def test_records_that_say_less_or_more_than_we_know_are_no_damage(
    database: Database, stopncii: StopNciiServer
) -> None:
    clock = _Clock(stopncii)
    stopncii.put(Record(f"{1:064x}", cases={}))
    stopncii.put(Record(f"{2:064x}", status="Paused"))
    stopncii.put(Record(f"{3:064x}", raw={"CSPFeedbacks": None, "hashRegions": ["UK"]}))
    stopncii.put(Record("some words", kind="Text"))
    stopncii.put(Record("https://x.example/", kind="URL"))
    stopncii.put(Record("photo", kind="ImagePhotoDNA2"))
    gone = stopncii.put(Record(f"{4:064x}"))
    clock.go(minutes=1)
    facts = _sync(database, stopncii)
    assert (facts.outcome, facts.rejected_rows) == ("changed", 0)
    assert sorted(active_numbers(database)) == [1, 2, 3, 4]
    assert _unsupported(database) == {"imagephotodna2": 1}
    clock.go(hours=1)
    stopncii.withdraw(gone)
    clock.go(minutes=1)
    _sync(database, stopncii)
    assert sorted(active_numbers(database)) == [1, 2, 3]
    assert stopncii.wrong == []


def _indicator(number: int, kind: str = "HASH_PDQ") -> Indicator:
    return Indicator(f"{number}", f"{number:064x}", kind, [Descriptor(f"{number}1")])


def test_indicators_of_new_types_are_counted_and_of_none_forgotten(
    database: Database, updates: ThreatExchangeServer
) -> None:
    clock = _Clock(updates)
    updates.sparse = True
    updates.put(_indicator(1))
    updates.put(Indicator("2", f"{2:032x}", "HASH_VIDEO_MD5", [Descriptor("21", owner=None)]))
    updates.put(_indicator(3, "HASH_OF_TOMORROW"))
    updates.put(_indicator(4, "TEXT_STRING"))
    opinionless = updates.put(_indicator(5))
    clock.go(minutes=1)
    facts = _sync(database, updates)
    assert (facts.outcome, facts.rejected_rows) == ("changed", 0)
    assert sorted(active_numbers(database)) == [1, 2, 5]
    assert _unsupported(database) == {"of_tomorrow": 1}
    opinionless.descriptors = []
    clock.go(hours=1)
    updates.put(opinionless)
    clock.go(minutes=1)
    _sync(database, updates)
    assert sorted(active_numbers(database)) == [1, 2]
    assert updates.wrong == []


def test_updates_that_appear_late_are_read_by_the_next_sync(
    database: Database, updates: ThreatExchangeServer
) -> None:
    clock = _Clock(updates)
    updates.delay = timedelta(hours=2)
    updates.put(_indicator(1))
    clock.go(hours=3)
    updates.put(_indicator(2))
    clock.go(hours=1)
    _sync(database, updates)
    assert active_numbers(database) == [1]
    clock.go(hours=2)
    _sync(database, updates)
    assert sorted(active_numbers(database)) == [1, 2]
    clock.go(days=100)
    _sync(database, updates)
    assert updates.wrong == []


@pytest.mark.parametrize("kind", ["stopncii", "updates"])
def test_who_is_asked_to_wait_waits(
    database: Database, request: pytest.FixtureRequest, kind: str
) -> None:
    server = request.getfixturevalue(kind)
    clock = _Clock(server)
    for number in range(1, 11):
        server.put(Record(f"{number:064x}") if kind == "stopncii" else _indicator(number))
    clock.go(minutes=1)
    server.faults = ["", "throttled", "throttled"]
    _sync(database, server)
    assert len(active_numbers(database)) == 10
    assert server.wrong == []
