"""Look-ups by near-equal hashes: too few a day to find a list's value with their answers."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.outbox import WebhookNotifier
from hashmatch.outcome import Clear, Matched, Outcome, Reason
from hashmatch.screening import Query, Scanner
from hashmatch.store.engine import Database
from hashmatch.store.lookups import read_limited_entries
from hashmatch.store.outbox import read_outbox
from hashmatch.wire import outcome_as_json
from tests.oracle import distance_bits
from tests.pictures import hashes_of
from tests.scanning import MakeScanner, recorded, unscreened
from tests.store.importing import import_text

PDQ, MD5 = ALGORITHMS["pdq"], ALGORITHMS["md5"]
VALUE = hashes_of(1, "pdq")["pdq"].value
BITS = 256
LIMIT = 20


@pytest.fixture
def scanner(database: Database, make_scanner: MakeScanner) -> Iterator[Scanner]:
    rows = f"algorithm,value,entry_id\npdq,{VALUE.hex()},e1\nmd5,{bytes(16).hex()},e2\n"
    import_text(database, "one", rows)
    with make_scanner() as scanner:
        yield scanner


def _flipped(value: bytes, *places: int) -> bytes:
    number = int.from_bytes(value)
    for place in places:
        number ^= 1 << place
    return number.to_bytes(len(value))


def _query(value: bytes, content_id: str = "a") -> Query:
    return Query((Hash(PDQ, value, quality=100),), content_id)


def _look_up(scanner: Scanner, *values: bytes, limit: int | None = LIMIT) -> list[Outcome]:
    return scanner.lookup_many([_query(one) for one in values], near_limit=limit)


class _Adversary:
    """Somebody with the scope scan, who climbs from a hash to the value that it is near."""

    def __init__(self, scanner: Scanner, start: bytes, limit: int | None) -> None:
        self._scanner, self._limit = scanner, limit
        self.value = start
        self.queries = 0

    def climb(self) -> bytes:
        """Return the value as well as it could be found out."""
        chance = random.Random(1)
        # To where a single bit more is another answer.
        for place in chance.sample(range(BITS), BITS):
            before, after = self._ask(self.value), self._ask(_flipped(self.value, place))
            if before is None or after is None:
                return self.value
            if after > before:
                break
            if after == before:
                self.value = _flipped(self.value, place)
        # There each bit says whether it is the value's.
        edge = _flipped(self.value, place)
        answer = self._ask(edge)
        wrong = []
        for one in range(BITS):
            found = self._ask(_flipped(edge, one))
            if found is None:
                break
            if answer is not None and found < answer:
                wrong.append(one)
        return _flipped(edge, *wrong)

    def _ask(self, value: bytes) -> int | None:
        """Return the distance as it is shown, 1,000 for clear, and None without an answer."""
        self.queries += 1
        (outcome,) = _look_up(self._scanner, value, limit=self._limit)
        shown = outcome_as_json(outcome, show_distances=False)
        if shown["outcome"] == "unscreened":
            return None
        return min((one["distance_bits"] for one in shown["matches"]), default=1_000)


@pytest.mark.parametrize("seed", range(3))
def test_answers_without_limit_give_a_value_away(scanner: Scanner, seed: int) -> None:
    start = _flipped(VALUE, *random.Random(seed).sample(range(BITS), 20))
    assert _Adversary(scanner, start, None).climb() == VALUE


@pytest.mark.parametrize("seed", range(3))
def test_answers_of_a_day_do_not_give_a_value_away(scanner: Scanner, seed: int) -> None:
    start = _flipped(VALUE, *random.Random(seed).sample(range(BITS), 20))
    adversary = _Adversary(scanner, start, LIMIT)
    assert distance_bits(adversary.climb(), VALUE) > 12
    assert adversary.queries > LIMIT


def test_the_limit_holds_within_one_request(scanner: Scanner) -> None:
    values = [_flipped(VALUE, place) for place in range(30)]
    outcomes = _look_up(scanner, *values)
    assert sum(isinstance(one, Matched) for one in outcomes) == LIMIT
    assert {unscreened(one).reason for one in outcomes[LIMIT:]} == {Reason.LOOKUP_LIMIT}


def test_clear_answers_count_and_are_limited_as_well(scanner: Scanner) -> None:
    near = _flipped(VALUE, *range(40))
    clear = [_flipped(near, 40 + place) for place in range(60)]
    outcomes = _look_up(scanner, near, *clear)
    assert isinstance(outcomes[0], Matched)
    assert sum(isinstance(one, Clear) for one in outcomes) == LIMIT - 1
    # Whether it would be near or clear makes no difference any more.
    late = _look_up(scanner, _flipped(near, 0), _flipped(near, 200), _flipped(near, 0, 200))
    assert {unscreened(one).reason for one in late} == {Reason.LOOKUP_LIMIT}


def test_a_hash_of_today_is_answered_again(scanner: Scanner) -> None:
    values = [_flipped(VALUE, place) for place in range(30)]
    _look_up(scanner, *values)
    again = _look_up(scanner, *values[:LIMIT])
    assert all(isinstance(one, Matched) for one in again)
    unscreened(_look_up(scanner, values[LIMIT])[0])


def test_exact_copies_match_past_the_limit(scanner: Scanner) -> None:
    _look_up(scanner, *(_flipped(VALUE, place) for place in range(30)))
    (outcome,) = _look_up(scanner, VALUE)
    assert isinstance(outcome, Matched)
    # One that is of several hashes is matched by the exact ones alone.
    both = Query((Hash(MD5, bytes(16)), Hash(PDQ, _flipped(VALUE, 3, 4), quality=100)), "b")
    (mixed,) = scanner.lookup_many([both], near_limit=LIMIT)
    assert isinstance(mixed, Matched)
    assert [one.algorithm for one in mixed.matches] == ["md5"]
    assert mixed.reason is Reason.LOOKUP_LIMIT


def test_a_match_past_the_limit_is_on_record(scanner: Scanner, database: Database) -> None:
    outcomes = _look_up(scanner, *(_flipped(VALUE, place) for place in range(LIMIT)))
    assert recorded(database) == len(outcomes)
    (late,) = scanner.lookup_many([_query(_flipped(VALUE, 99), "late")], near_limit=LIMIT)
    unscreened(late)
    assert recorded(database) == len(outcomes) + 1


def test_other_hashes_are_answered_as_before(scanner: Scanner) -> None:
    _look_up(scanner, *(_flipped(VALUE, place) for place in range(30)))
    (outcome,) = _look_up(scanner, _flipped(VALUE, *range(0, BITS, 2)))
    assert isinstance(outcome, Clear)


def test_the_limit_is_that_of_all_processes_together(
    scanner: Scanner, make_scanner: MakeScanner
) -> None:
    with make_scanner() as other:
        for place in range(LIMIT):
            chosen = (scanner, other)[place % 2]
            assert isinstance(_look_up(chosen, _flipped(VALUE, place))[0], Matched)
        for late in (scanner, other):
            unscreened(_look_up(late, _flipped(VALUE, 100))[0])


def test_scans_and_callers_without_a_limit_do_not_count(
    scanner: Scanner, database: Database
) -> None:
    values = [_flipped(VALUE, place) for place in range(30)]
    assert all(isinstance(one, Matched) for one in _look_up(scanner, *values, limit=None))
    assert isinstance(_look_up(scanner, values[0])[0], Matched)
    with database.reading() as session:
        assert not read_limited_entries(session)


def test_an_entry_at_its_limit_is_reported_once(
    database: Database, make_scanner: MakeScanner, settings: Settings
) -> None:
    import_text(database, "one", f"algorithm,value,entry_id\npdq,{VALUE.hex()},e1\n")
    hook = {"desk": {"url": "https://desk.example/", "secret": {"env": "X"}}}
    hooks = Settings.model_validate({"data_dir": settings.data_dir, "webhooks": hook}).webhooks
    with make_scanner(listeners=(WebhookNotifier(hooks),)) as scanner:
        for start in (0, 30, 60):
            _look_up(scanner, *(_flipped(VALUE, start + place) for place in range(30)))
    with database.reading() as session:
        (found,) = read_limited_entries(session)
        bodies = [
            one.body
            for one in read_outbox(session, limit=1_000)
            if "entry.limited" in str(one.body)
        ]
    assert (found.list_name, found.entry_id, found.lookups) == ("one", "e1", LIMIT)
    assert len(bodies) == 1
    assert VALUE.hex() not in str(bodies)
