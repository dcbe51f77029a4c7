"""The one flow while the store fails, the lists change and many threads scan."""

from __future__ import annotations

from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from hashmatch.config import Settings
from hashmatch.hashes import Level
from hashmatch.imaging import InProcessIntake, Intake, Reading
from hashmatch.outcome import Clear, Failure, Matched, Reason
from hashmatch.screening.request import Query
from hashmatch.store.engine import Database
from hashmatch.store.lists import disable_entries, enable_entries
from hashmatch.store.matches import read_daily_counts
from hashmatch.wiring import open_scanner_with
from tests.pictures import GENEROUS, drawn, hashes_of, list_of
from tests.scanning import MakeScanner, recorded, unscreened
from tests.store.importing import import_text
from tests.store.locking import somebody_writes


def test_a_store_that_cannot_record_gives_no_verdict(
    make_scanner: MakeScanner, database: Database, settings: Settings
) -> None:
    scanner = make_scanner()
    scanner.scan(drawn(9), content_id="warm")
    with closing(Database(settings.database_url)) as other, somebody_writes(other):
        outcome = unscreened(scanner.scan(drawn(1), content_id="post/1"))
    assert outcome.reason is Reason.STORE_UNAVAILABLE
    assert "locked" in outcome.detail
    assert recorded(database) == 0
    assert isinstance(scanner.scan(drawn(1), content_id="post/1"), Matched)


@pytest.mark.sqlite
def test_a_store_that_has_gone_gives_no_verdict(
    make_scanner: MakeScanner, database: Database, settings: Settings
) -> None:
    scanner = make_scanner()
    database.close()
    for path in settings.data_dir.iterdir():
        path.write_bytes(b"overwritten " * 1000)
    outcome = unscreened(scanner.scan(drawn(9), content_id="x"))
    assert outcome.reason is Reason.STORE_UNAVAILABLE


class _Meanwhile(Intake):
    """An intake during which something happens to the store, a number of times."""

    def __init__(self, intake: Intake, happens: Callable[[], object], times: int) -> None:
        self._intake, self._happens, self._times = intake, happens, times

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        if self._times:
            self._times -= 1
            self._happens()
        return self._intake.read(data, algorithms, level)


def _disable_and_enable(database: Database) -> None:
    with database.writing() as session:
        disable_entries(session, "one", ["e1"])
        enable_entries(session, "one", ["e1"])


class _Restless:
    """A list that has another hash of drawing 1 each time that it changes."""

    def __init__(self, database: Database) -> None:
        self._database, self._changes = database, 0

    def change(self) -> None:
        """Withdraw the hash, and list one that is a few bits away."""
        self._changes += 1
        value = bytearray(hashes_of(1, "pdq")["pdq"].value)
        value[0] ^= self._changes
        import_text(self._database, "one", f"algorithm,value\npdq,{value.hex()}\n")


@pytest.mark.parametrize("times", [1, 3])
def test_an_entry_that_changes_its_place_during_a_scan_is_still_found(
    make_scanner: MakeScanner, settings: Settings, database: Database, times: int
) -> None:
    intake = _Meanwhile(InProcessIntake(GENEROUS), lambda: _disable_and_enable(database), times)
    assert isinstance(make_scanner(intake).scan(drawn(1), content_id="x"), Matched)


def test_lists_that_never_rest_leave_an_image_unscreened(
    make_scanner: MakeScanner, settings: Settings, database: Database
) -> None:
    intake = _Meanwhile(InProcessIntake(GENEROUS), _Restless(database).change, 99)
    outcome = unscreened(make_scanner(intake).scan(drawn(1), content_id="x"))
    assert outcome.reason is Reason.INDEX_STALE
    assert recorded(database) == 0


def test_an_entry_that_is_disabled_during_a_scan_does_not_match(
    make_scanner: MakeScanner, settings: Settings, database: Database
) -> None:
    def disable() -> None:
        with database.writing() as session:
            disable_entries(session, "one", ["e1"])

    intake = _Meanwhile(InProcessIntake(GENEROUS), disable, 1)
    assert isinstance(make_scanner(intake).scan(drawn(1), content_id="x"), Clear)


def test_a_batch_is_screened_again_where_an_entry_changes_its_place(
    make_scanner: MakeScanner, database: Database
) -> None:
    changes = [_Restless(database).change]

    def observe(stage: str, _: float) -> None:
        if stage == "look_up" and changes:
            changes.pop()()

    hashes = [hashes_of(seed, "pdq")["pdq"] for seed in (1, 9, 2)]
    queries = [Query((one,), f"post/{number}") for number, one in enumerate(hashes)]
    with make_scanner(observe=observe) as scanner:
        outcomes = scanner.lookup_many(queries)
    assert changes == []
    assert [type(one) for one in outcomes] == [Matched, Clear, Clear]
    assert recorded(database) == 1
    with database.reading() as session:
        assert read_daily_counts(session) == {("clear", ""): 2}


def test_an_algorithm_that_is_new_since_the_scan_began_is_computed_too(
    make_scanner: MakeScanner, settings: Settings, database: Database
) -> None:
    def bring_another() -> None:
        import_text(database, "two", list_of(1, algorithms=("phash",)))
        _Restless(database).change()

    intake = _Meanwhile(InProcessIntake(GENEROUS), bring_another, 1)
    outcome = make_scanner(intake).scan(drawn(1), content_id="x")
    assert isinstance(outcome, Matched)
    assert {match.algorithm for match in outcome.matches} == {"pdq", "phash"}


def test_a_store_that_is_only_busy_leaves_no_image_unscreened_and_no_count_unwritten(
    make_scanner: MakeScanner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.store.engine.counting._FLUSH_EVERY_S", 0)
    scanner = make_scanner()
    with somebody_writes(database):
        scanner.refuse(Failure(Reason.EMPTY, "x"), content_id="first")
        for number in range(3):
            assert isinstance(scanner.scan(drawn(9), content_id=f"post/{number}"), Clear)
    scanner.close()
    with database.reading() as session:
        counted = read_daily_counts(session)
    assert counted == {("clear", ""): 3, ("unscreened", "empty"): 1}


def test_scanning_from_many_threads_gives_the_same_outcomes(
    settings: Settings, database: Database
) -> None:
    import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256")))
    intake = settings.intake.model_copy(update={"isolation": "none"})
    settings = settings.model_copy(update={"intake": intake})
    files = [drawn(seed) for seed in (1, 2, 9, 10)] * 6
    with open_scanner_with(settings) as scanner, ThreadPoolExecutor(4) as pool:
        outcomes = list(
            pool.map(
                lambda one: scanner.scan(one[1], content_id=f"post/{one[0]}"), enumerate(files)
            )
        )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Matched, Matched, Clear, Clear] * 6
    assert recorded(database) == 24
