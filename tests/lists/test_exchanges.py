"""The exchanges: lists get the entries of the servers, through every fault on the way."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from threatexchange.exchanges.clients.fb_threatexchange.api import ThreatExchangeAPI
from threatexchange.exchanges.clients.ncmec.hash_api import NCMECEnvironment, NCMECHashAPI
from threatexchange.exchanges.clients.stopncii.api import StopNCIIAPI

from hashmatch.config import GuardSettings, Settings
from hashmatch.errors import HashmatchError, SourceError, SourceRefusedError
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
from tests.lists.exchanges import (
    Exchange,
    NCMECServer,
    StopNCIIServer,
    ThreatExchangeServer,
)
from tests.lists.loopback import Answer, serving
from tests.lists.sources import active_numbers
from tests.store.importing import import_text

SERVERS: tuple[type[Exchange], ...] = (NCMECServer, StopNCIIServer, ThreatExchangeServer)


@pytest.fixture(params=SERVERS, ids=lambda one: one.__name__)
def server(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    with serving(request.param()) as started:
        yield started


@pytest.fixture
def set_zone() -> Iterator[Callable[[str], None]]:
    """Let a test stand in another time zone."""
    with pytest.MonkeyPatch.context() as patch:

        def move(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        yield move
    time.tzset()


def _source(server: Exchange, *, timeout_s: float = 5.0) -> ListSource:
    if isinstance(server, NCMECServer):
        auth = (server.username, server.password)
        return NCMECSource(server.url, auth, timeout_s=timeout_s, wait_s=0.001)
    if isinstance(server, StopNCIIServer):
        keys = StopNCIIKeys(server.function_key, server.subscription_key, server.feedback_key)
        return StopNCIISource(server.url, keys, timeout_s=timeout_s, wait_s=0.001)
    assert isinstance(server, ThreatExchangeServer)
    return ThreatExchangeSource(
        server.url, server.privacy_group, server.access_token, timeout_s=timeout_s, wait_s=0.001
    )


def _sync(database: Database, server: Exchange, *, timeout_s: float = 5.0) -> SyncFacts:
    unguarded = GuardSettings(max_withdrawn_share=1, max_growth_factor=1e9)
    source = _source(server, timeout_s=timeout_s)
    return sync_list(database, "one", source, Settings(guards=unguarded))


def _active(database: Database) -> set[int]:
    return set(active_numbers(database))


def _fill(server: Exchange, numbers: range) -> None:
    for number in numbers:
        kind = "film" if number % 5 == 0 else "picture"
        server.put(f"{kind}{number}", number)
        server.pass_time(hours=7)


# The same servers, read by the clients of others.


def _read_ncmec(server: NCMECServer) -> set[int]:
    environment = cast("NCMECEnvironment", SimpleNamespace(value=server.url))
    api = NCMECHashAPI(server.username, server.password, environment)
    held: dict[tuple[int, str], int] = {}
    until = int((server.clock + timedelta(days=1)).timestamp())
    for page in api.get_entries_iter(start_timestamp=1, end_timestamp=until):
        for one in page.updates:
            if not one.deleted:
                held[one.member_id, one.id] = int(one.fingerprints["md5"], 16)
    return set(held.values())


def _read_stopncii(server: StopNCIIServer) -> set[int]:
    api = StopNCIIAPI(server.subscription_key, server.function_key, base_url_override=server.url)
    held: dict[str, str] = {}
    for page in api.fetch_hashes_iter():
        held.update({one.hashValue: one.hashStatus.value for one in page.hashRecords})
    gone = ("Withdrawn", "Deleted")
    return {int(value, 16) for value, status in held.items() if status not in gone}


def _read_threatexchange(server: ThreatExchangeServer) -> set[int]:
    api = ThreatExchangeAPI(server.access_token, endpoint_override=server.url)
    pages = api.get_threat_updates(int(server.privacy_group))
    return {int(one["indicator"], 16) for page in pages for one in page if not one["should_delete"]}


PEERS: dict[type[Exchange], Callable[[Any], set[int]]] = {
    NCMECServer: _read_ncmec,
    StopNCIIServer: _read_stopncii,
    ThreatExchangeServer: _read_threatexchange,
}


def test_the_clients_of_others_read_the_same_entries(
    database: Database, server: Exchange, set_zone: Callable[[str], None]
) -> None:
    set_zone("UTC")  # One of them writes local time and calls it UTC.
    _fill(server, range(1, 24))
    server.put("picture3", None)
    server.put("picture4", 400)
    server.pass_time(minutes=1)
    _sync(database, server)
    assert PEERS[type(server)](server) == _active(database) == server.numbers


def test_changes_come_and_withdrawals_go(database: Database, server: Exchange) -> None:
    assert _sync(database, server).outcome == "unchanged"
    _fill(server, range(1, 24))
    assert _sync(database, server).counts.added == 23
    assert _sync(database, server).outcome == "unchanged"
    server.put("picture3", None)
    server.put("picture4", 400)
    server.put("film5", None)
    server.put("picture999", 999)
    server.pass_time(minutes=5)
    facts = _sync(database, server)
    assert (facts.counts.added, facts.counts.withdrawn) == (2, 3)
    server.put("picture3", 3)
    server.pass_time(days=80)
    _sync(database, server)
    assert _active(database) == server.numbers == {*range(1, 24), 400, 999} - {4, 5}


@pytest.mark.parametrize("syncs", [8, pytest.param(50, marks=pytest.mark.long)])
def test_any_history_ends_with_the_entries_of_the_server(
    database: Database, server: Exchange, syncs: int
) -> None:
    dice = random.Random(6)
    for _ in range(syncs):
        for _ in range(dice.randrange(12)):
            name = f"{dice.choice(['film', 'picture'])}{dice.randrange(40)}"
            server.put(name, dice.choice([None, dice.randrange(1, 10**9)]))
            server.pass_time(seconds=dice.choice([0, 0, 1, 4000]))
        server.faults = dice.choices([500, 429, "reset:50", "garbled", "long"], k=dice.randrange(4))
        _sync(database, server)
        assert _active(database) == server.numbers


@pytest.mark.parametrize(
    "faults",
    [[500, 503, 429], ["reset:0", "reset:100"], ["garbled", "garbled"], ["slow", "long", "slow"]],
    ids=str,
)
def test_faults_that_pass_are_waited_out(
    database: Database, server: Exchange, faults: list[str | int]
) -> None:
    _fill(server, range(1, 24))
    server.faults = ["", "", *faults]
    _sync(database, server, timeout_s=0.3)
    assert _active(database) == server.numbers


@pytest.mark.parametrize(
    ("faults", "error", "words"),
    [
        ([500] * 9, SourceError, "status 500"),
        (["garbled"] * 9, HashmatchError, "page|response"),
        (["long"] * 9, SourceError, "truncated"),
        ([404], SourceRefusedError, "refused with status 404"),
        (["elsewhere"] * 9, SourceError, "another query|do not end|another host"),
        (["endless"] * 9, SourceError, "loop|do not end"),
        (["http://127.0.0.2:1/"], SourceRefusedError, "another host"),
    ],
)
def test_faults_that_stay_leave_the_list_as_it_was(
    database: Database,
    server: Exchange,
    faults: list[str | int],
    error: type[HashmatchError],
    words: str,
) -> None:
    _fill(server, range(1, 24))
    _sync(database, server)
    _fill(server, range(100, 124))
    server.put("picture3", None)
    server.faults = ["", *faults]
    with pytest.raises(error, match=words):
        _sync(database, server)
    assert _active(database) == set(range(1, 24))
    server.faults = []
    _sync(database, server)
    assert _active(database) == server.numbers


def test_a_wrong_key_is_reported_and_never_shown(
    database: Database, server: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _fill(server, range(1, 24))
    _sync(database, server)
    source = _source(server)
    secrets = ("password", "function_key", "access_token")
    for name in secrets:
        setattr(server, name, "another")
    with pytest.raises(SourceRefusedError, match=r"status 40[01]") as caught:
        sync_list(database, "one", source)
    said = f"{caplog.text} {caught.value.message} {caught.value.hint}"
    assert "secret-" not in said
    assert not any(f"{number:032x}" in said for number in server.numbers)


def test_corrupt_records_are_rejected_and_the_others_applied(
    database: Database, server: Exchange
) -> None:
    _fill(server, range(1, 24))
    server.corrupt = 10
    facts = _sync(database, server)
    assert facts.rejected_rows > 0
    assert _active(database) == server.numbers
    server.corrupt = 0
    _sync(database, server)
    assert _active(database) == server.numbers


def test_earlier_entries_of_the_list_do_not_stay_behind(
    database: Database, server: Exchange
) -> None:
    _fill(server, range(1, 24))
    import_text(database, "one", b"algorithm,value,entry_id\nmd5,%032x,e\n" % 77)
    _sync(database, server)
    assert _active(database) == server.numbers
    import_text(database, "one", b"algorithm,value,entry_id\nmd5,%032x,e\n" % 77)
    _sync(database, server)
    assert _active(database) == server.numbers
    assert _sync(database, server).outcome == "unchanged"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_neither_our_time_zone_nor_a_clock_that_is_put_back_loses_anything(
    database: Database, server: Exchange, zone: str, set_zone: Callable[[str], None]
) -> None:
    set_zone(zone)
    _fill(server, range(1, 6))
    _sync(database, server)
    for hours in (3, -2, -5, 1, 20):
        server.pass_time(hours=hours)
        server.put(f"after {hours}", 1000 + hours)
        server.put("picture1", 2000 + hours)
        _sync(database, server)
        assert _active(database) == server.numbers


@pytest.mark.parametrize("entries", [2_000, pytest.param(50_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("is_empty", [True, False])
def test_a_second_with_many_entries_is_read_in_full(
    database: Database, entries: int, *, is_empty: bool
) -> None:
    server = NCMECServer(page_size=entries // 50)
    with serving(server):
        server.put("picture", 10**9)
        server.pass_time(days=3)
        for number in range(1, entries + 1):
            server.put(f"picture{number}", number)
        server.pass_time(days=3)
        if not is_empty:
            import_text(database, "one", b"algorithm,value,entry_id\nmd5,%032x,e\n" % 77)
        _sync(database, server)
        assert _active(database) == server.numbers
        with database.reading() as session:
            assert count_unsupported(session)["one"]["photodna"] == entries + 1


def test_an_entry_that_changes_while_everything_is_read_is_there_afterwards(
    database: Database,
) -> None:
    class Busy(NCMECServer):
        def answer(self, request: Any, fault: str) -> Any:
            if request.path == "/v2/entries" and self.held.get("picture9") == 9:
                self.pass_time(minutes=10)
                self.put("picture9", 900)
            return super().answer(request, fault)

    with serving(Busy()) as server:
        _fill(server, range(1, 24))
        import_text(database, "one", b"algorithm,value,entry_id\nmd5,%032x,e\n" % 77)
        server.pass_time(minutes=10)
        _sync(database, server)
        server.pass_time(minutes=10)
        _sync(database, server)
        assert _active(database) == server.numbers


def test_everything_is_read_again_where_a_deletion_may_have_been_missed(
    database: Database,
) -> None:
    with serving(ThreatExchangeServer()) as server:
        _fill(server, range(1, 24))
        _sync(database, server)
        server.put("picture3", None)
        server.pass_time(days=100)
        _sync(database, server)
        assert _active(database) == server.numbers
        assert server.requests[-1].query["start_time"] == "0"
        _sync(database, server)
        assert server.requests[-1].query["start_time"] != "0"


BOMBS = {
    "arrays in arrays": b"[" * 5_000_000,
    "a number of a million digits": b'{"hashRecords": [' + b"9" * 1_000_000 + b"]}",
    "laughs": b'<!DOCTYPE q [<!ENTITY a "aaaaaaaaaa">]><queryResult>&a;</queryResult>',
    "elements in elements": b"<queryResult>" + b"<a>" * 1_000_000,
    "longer than a page may be": b" " * (65 << 20),
    "not even text": b"\xff\xfe\x00" * 1_000,
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_hostile_pages_are_refused(database: Database, server: Exchange, content: bytes) -> None:
    _fill(server, range(1, 4))
    _sync(database, server)
    respond = type(server).answer

    class Hostile(type(server)):  # type: ignore[misc]
        def answer(self, request: Any, fault: str) -> Answer:
            if request.path == "/v2/status":
                return respond(self, request, fault)
            return Answer(200, content)

    server.__class__ = Hostile
    with pytest.raises(HashmatchError):
        _sync(database, server)
    assert _active(database) == {1, 2, 3}
