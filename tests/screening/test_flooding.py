"""Entries that match too much: told once a day, counted by entry, and decided by a person."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from hashmatch.cases import PENDING, CaseOpener
from hashmatch.config import Settings
from hashmatch.errors import InputError, NotFoundError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.index import LiveIndex
from hashmatch.lists import decide_flooding, list_facts
from hashmatch.outbox import WebhookNotifier
from hashmatch.outcome import Action, Clear, Matched
from hashmatch.policy import Policy
from hashmatch.screening import Scanner
from hashmatch.store.cases import CaseFilter
from hashmatch.store.engine import Database
from hashmatch.store.matches import FloodAction, count_cases_of, read_flooding
from hashmatch.store.outbox import read_outbox
from hashmatch.store.queue import read_cases
from hashmatch.store.schema import utc_now
from hashmatch.wiring import open_intake
from tests.store.importing import import_text

PDQ, MD5 = ALGORITHMS["pdq"], ALGORITHMS["md5"]
VALUE = bytes(31) + b"\x7f"
# Far from the other, and not of a picture without detail, which would not be matched.
_OTHER = b"\xff" * 31 + b"\x80"
ROWS = (
    f"algorithm,value,entry_id\npdq,{VALUE.hex()},e1\nmd5,{bytes(16).hex()},e2\n"
    f"pdq,{_OTHER.hex()},e3\n"
).encode()


class _Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = utc_now()

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def opened(database: Database, settings: Settings, clock: _Clock) -> Callable[[], Scanner]:
    import_text(database, "one", ROWS)
    hook = {"url": "https://desk.example/", "secret": {"env": "X"}}
    given = Settings.model_validate(
        {
            "data_dir": settings.data_dir,
            "intake": {"isolation": "none"},
            "webhooks": {"desk": hook},
            "guards": {"max_contents_per_entry": 3},
        }
    )
    listeners = (CaseOpener(given.cases), WebhookNotifier(given.webhooks))
    return lambda: Scanner(
        database=database,
        index=LiveIndex(database, given.index_dir, ALGORITHMS),
        intake=open_intake(given),
        policy=Policy(given, ALGORITHMS),
        max_bytes=given.intake.max_bytes,
        listeners=lambda: listeners,
        clock=clock,
    )


@pytest.fixture
def scanner(opened: Callable[[], Scanner]) -> Iterator[Scanner]:
    with opened() as scanner:
        yield scanner


def _upload(scanner: Scanner, number: int, value: bytes = VALUE) -> Matched:
    outcome = scanner.lookup([Hash(PDQ, value, quality=100)], content_id=f"post/{number}")
    assert isinstance(outcome, Matched)
    return outcome


def _notices(database: Database) -> list[dict[str, object]]:
    with database.reading() as session:
        messages = read_outbox(session, limit=100)
    return [dict(one.body) for one in messages if one.body["type"] == "entry.flooding"]


@pytest.mark.sqlite
def test_an_entry_that_matches_too_much_is_told_once_a_day(
    database: Database, scanner: Scanner, clock: _Clock
) -> None:
    for number in range(3):
        _upload(scanner, number)
        _upload(scanner, number)  # The same content counts once.
    assert _notices(database) == []
    for number in range(3, 6):
        assert _upload(scanner, number).action is Action.BLOCK
    (notice,) = _notices(database)
    assert notice["data"] == {
        "list": "one", "entry_id": "e1", "algorithm": "pdq", "contents": 4,
        "day": clock.time.date().isoformat(),
    }  # fmt: skip
    assert VALUE.hex() not in json.dumps(notice)
    (facts,) = list_facts(database, Policy(Settings(), ALGORITHMS))
    (flooding,) = facts["flooding"]
    assert (flooding["contents"], flooding["set_to"]) == (6, "")
    clock.time += timedelta(days=1)
    for number in range(10, 14):
        _upload(scanner, number)
    assert len(_notices(database)) == 2


@pytest.mark.sqlite
def test_a_person_sets_near_copies_to_review_and_exact_ones_go_on_blocking(
    database: Database, scanner: Scanner, opened: Callable[[], Scanner]
) -> None:
    for number in range(5):
        _upload(scanner, number)
        both = [Hash(PDQ, VALUE, quality=100), Hash(MD5, bytes(16))]
        scanner.lookup(both, content_id=f"both/{number}")
    with pytest.raises(InputError, match="exact copies"):
        decide_flooding(database, "one", "e2", FloodAction.REVIEW, "ann")
    with pytest.raises(NotFoundError, match="floods"):
        decide_flooding(database, "one", "e3", FloodAction.REVIEW, "ann")
    decide_flooding(database, "one", "e1", FloodAction.REVIEW, "ann")
    assert _upload(scanner, 6).action is Action.REVIEW
    both = [Hash(PDQ, VALUE, quality=100), Hash(MD5, bytes(16))]
    exact = scanner.lookup(both, content_id="both/6")
    assert isinstance(exact, Matched)
    assert exact.action is Action.BLOCK
    decide_flooding(database, "one", "e1", FloodAction.DISABLE, "ann")
    near = [Hash(PDQ, VALUE, quality=100)]
    with opened() as later:
        assert isinstance(later.lookup(near, content_id="post/7"), Clear)
        assert isinstance(later.lookup(both, content_id="both/7"), Matched)
    decide_flooding(database, "one", "e1", FloodAction.KEEP, "ann")
    decide_flooding(database, "one", "e2", FloodAction.KEEP, "ann")
    with opened() as later:
        assert _upload(later, 8).action is Action.BLOCK
    (facts,) = list_facts(database, Policy(Settings(), ALGORITHMS))
    assert {one["set_to"] for one in facts["flooding"]} == {"keep"}


@pytest.mark.sqlite
def test_a_decision_is_about_the_hash_and_not_about_its_row(
    database: Database, scanner: Scanner, opened: Callable[[], Scanner]
) -> None:
    for number in range(4):
        _upload(scanner, number)
    decide_flooding(database, "one", "e1", FloodAction.REVIEW, "ann")
    without = ROWS.replace(f"pdq,{VALUE.hex()},e1\n".encode(), b"")
    import_text(database, "one", without)
    import_text(database, "one", ROWS)
    with opened() as later:
        assert _upload(later, 5).action is Action.REVIEW
    decide_flooding(database, "one", "e1", FloodAction.DISABLE, "ann")
    with opened() as later:
        outcome = later.lookup([Hash(PDQ, VALUE, quality=100)], content_id="post/6")
        assert isinstance(outcome, Clear)


def test_the_cases_of_an_entry_are_found_together(database: Database, scanner: Scanner) -> None:
    for number in range(4):
        _upload(scanner, number)
    scanner.lookup([Hash(MD5, bytes(16))], content_id="other")
    with database.reading() as session:
        (flooding,) = read_flooding(session)
        waiting = count_cases_of(session, flooding.entry_key, PENDING)
        found = list(read_cases(session, CaseFilter(list_name="one", entry_id="e1")))
        others = list(read_cases(session, CaseFilter(list_name="one", entry_id="e2")))
        nothing = list(read_cases(session, CaseFilter(list_name="two")))
    assert (len(found), len(others), nothing, waiting) == (4, 1, [], 4)
