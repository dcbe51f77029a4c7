"""Near matches: found, recorded and shown to people, and in the way of nothing else."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

import pytest

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, Level
from hashmatch.imaging import Intake, Reading
from hashmatch.lists import decide_flooding
from hashmatch.outcome import Action, Clear, Failure, Match, Matched, Nearness, Outcome, Reason
from hashmatch.screening import Query
from hashmatch.screening.request import LookupHashes
from hashmatch.store.engine import Database
from hashmatch.store.lists import Terms, allow_hash
from hashmatch.store.matches import FloodAction, read_flooding
from tests.pictures import drawn, hashes_of
from tests.scanning import MakeScanner, recorded, unscreened
from tests.store.importing import import_text

PDQ, PHASH, MD5 = ALGORITHMS["pdq"], ALGORITHMS["phash"], ALGORITHMS["md5"]
VALUE = hashes_of(1, "pdq")["pdq"].value


def _far(bits: int, value: bytes = VALUE) -> bytes:
    """Return a value that differs in so many bits, in all parts of it."""
    flips = sum(1 << place * 255 // max(1, bits - 1) for place in range(bits)) if bits else 0
    return (int.from_bytes(value) ^ flips).to_bytes(len(value))


def _hash(bits: int, frame: int = 0) -> Hash:
    return Hash(PDQ, _far(bits), quality=100, frame=frame)


def _import(database: Database, name: str = "one", *rows: str, category: str = "A") -> None:
    """Import a list of the value, or of other rows."""
    own = rows or (f"pdq,{VALUE.hex()},e1",)
    lines = ["algorithm,value,entry_id,category", *(f"{row},{category}" for row in own)]
    import_text(database, name, "".join(f"{line}\n" for line in lines))


def _matches(outcome: Outcome) -> Sequence[Match]:
    assert isinstance(outcome, Matched)
    return outcome.matches


def _nearness(outcome: Outcome) -> dict[str, Nearness]:
    return {one.list_name: one.nearness for one in _matches(outcome)}


def test_an_altered_picture_is_near_recorded_and_for_review(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database, "one", f"pdq,{_far(38).hex()},e1")
    outcome = make_scanner().scan(drawn(1), content_id="post/1")
    assert isinstance(outcome, Matched)
    (match,) = outcome.matches
    assert (match.nearness, match.threshold_bits) == (Nearness.NEAR, 31)
    assert 31 < match.distance_bits <= 38
    assert outcome.action is Action.REVIEW
    assert recorded(database) == 1


@pytest.mark.parametrize(
    ("bits", "nearness"),
    [(31, Nearness.MATCH), (32, Nearness.NEAR), (40, Nearness.NEAR), (41, None)],
)
@pytest.mark.sqlite
def test_what_is_beyond_the_threshold_is_near_up_to_the_wider_distance(
    make_scanner: MakeScanner, database: Database, bits: int, nearness: Nearness | None
) -> None:
    _import(database)
    outcome = make_scanner().lookup([_hash(bits)], content_id="x")
    found = None if isinstance(outcome, Clear) else _matches(outcome)[0].nearness
    assert found is nearness
    off = make_scanner(review_bits={"pdq": 0}).lookup([_hash(bits)], content_id="y")
    assert isinstance(off, Matched) is (nearness is Nearness.MATCH)


@pytest.mark.sqlite
def test_each_list_has_its_own_distances(make_scanner: MakeScanner, database: Database) -> None:
    for name in ("one", "strict", "wide", "off"):
        _import(database, name)
    lists = {
        "strict": {"thresholds_bits": {"pdq": 20}, "review_bits": {"pdq": 30}},
        "wide": {"thresholds_bits": {"pdq": 44}},
        "off": {"review_bits": {"pdq": 31}},
    }
    scanner = make_scanner(lists=lists)
    found = [
        _nearness(scanner.lookup([_hash(bits)], content_id=f"post/{bits}")) for bits in (25, 35, 42)
    ]
    near, match = Nearness.NEAR, Nearness.MATCH
    assert found == [
        {"one": match, "strict": near, "wide": match, "off": match},
        {"one": near, "wide": match},
        {"wide": match},
    ]


@pytest.mark.sqlite
def test_the_threshold_of_another_list_brings_nothing_nearer(
    make_scanner: MakeScanner, database: Database
) -> None:
    """All hashes are then looked up far, but only those few count that are meant to be."""
    _import(database, "one")
    _import(database, "wide", f"pdq,{hashes_of(5, 'pdq')['pdq'].value.hex()},e1")
    others = [Hash(PDQ, hashes_of(seed, "pdq")["pdq"].value, frame=seed) for seed in range(6, 12)]
    hashes = [*others, replace(_hash(36), frame=20)]
    lists = {"wide": {"thresholds_bits": {"pdq": 60}}}
    assert isinstance(make_scanner().lookup(hashes, content_id="x"), Clear)
    assert isinstance(make_scanner(lists=lists).lookup(hashes, content_id="y"), Clear)


@pytest.mark.sqlite
def test_no_more_than_six_hashes_are_looked_up_far_and_all_of_them_up_to_the_threshold(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database)
    others = [Hash(PDQ, hashes_of(seed, "pdq")["pdq"].value, frame=seed) for seed in range(5, 11)]
    scanner = make_scanner()
    sixth = scanner.lookup([*others[:5], replace(_hash(36), frame=20)], content_id="x")
    assert _nearness(sixth) == {"one": Nearness.NEAR}
    seventh = [*others, replace(_hash(36), frame=20)]
    assert isinstance(scanner.lookup(seventh, content_id="y"), Clear)
    within = scanner.lookup([*others, replace(_hash(31), frame=20)], content_id="z")
    assert _nearness(within) == {"one": Nearness.MATCH}


@pytest.mark.sqlite
def test_hashes_of_low_quality_take_no_place_among_the_six(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database)
    low = [
        Hash(PDQ, hashes_of(seed, "pdq")["pdq"].value, quality=3, frame=seed)
        for seed in range(5, 15)
    ]
    found = make_scanner(low_quality="clear").lookup(
        [*low, replace(_hash(36), frame=20)], content_id="x"
    )
    assert _nearness(found) == {"one": Nearness.NEAR}


@pytest.mark.sqlite
def test_each_query_of_a_batch_is_an_image_of_its_own(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database)
    queries = [Query((_hash(bits),), f"post/{bits}") for bits in range(25, 45)]
    outcomes = make_scanner().lookup_many(queries)
    assert [one.content_id for one in outcomes if isinstance(one, Clear)] == [
        f"post/{bits}" for bits in range(41, 45)
    ]
    near = [one for one in outcomes if isinstance(one, Matched) and one.action is Action.REVIEW]
    assert [one.matches[0].distance_bits for one in near] == list(range(32, 41))


def test_an_entry_that_is_matched_by_another_view_is_not_near(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database)
    for content, order in (("x", (36, 12)), ("y", (12, 36))):
        hashes = [_hash(bits, frame) for frame, bits in enumerate(order)]
        outcome = make_scanner().lookup(hashes, content_id=content)
        assert isinstance(outcome, Matched)
        assert ([one.distance_bits for one in outcome.matches], outcome.action) == (
            [12],
            Action.BLOCK,
        )


@pytest.mark.sqlite
def test_an_exact_match_stands_beside_a_near_one_and_comes_first(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database, "one", f"md5,{bytes(16).hex()},e1", f"pdq,{VALUE.hex()},e1")
    outcome = make_scanner().lookup([_hash(36), Hash(MD5, bytes(16))], content_id="x")
    assert isinstance(outcome, Matched)
    assert [one.algorithm for one in outcome.matches] == ["md5", "pdq"]
    assert outcome.action is Action.BLOCK


@pytest.mark.sqlite
def test_a_match_comes_first_whatever_the_numbers_are(
    make_scanner: MakeScanner, database: Database
) -> None:
    """Distances of two algorithms cannot be compared, and those of vectors are squared."""
    other = hashes_of(1, "phash")["phash"].value
    _import(database, "one", f"phash,{other.hex()},e1", f"pdq,{VALUE.hex()},e1")
    scanner = make_scanner(thresholds_bits={"pdq": 3, "phash": 16}, review_bits={"pdq": 10})
    far = Hash(PHASH, (int.from_bytes(other) ^ 0xFFFF).to_bytes(8))
    outcome = scanner.lookup([_hash(5), far], content_id="x")
    assert [(one.algorithm, one.distance_bits) for one in _matches(outcome)] == [
        ("phash", 16),
        ("pdq", 5),
    ]


@pytest.mark.parametrize(
    ("policy", "action"),
    [
        ({}, Action.REVIEW),
        ({"action": "review"}, Action.REVIEW),
        ({"action": "allow"}, Action.ALLOW),
        ({"lists": {"one": {"action": "allow", "categories": {"A": "block"}}}}, Action.REVIEW),
    ],
)
@pytest.mark.sqlite
def test_a_near_match_is_for_review_or_let_pass_as_its_list_says(
    make_scanner: MakeScanner, database: Database, policy: dict[str, object], action: Action
) -> None:
    _import(database)
    outcome = make_scanner(**policy).lookup([_hash(36)], content_id="x")
    assert isinstance(outcome, Matched)
    assert outcome.action is action


class _Returns(Intake):
    """An intake of one file that has these perceptual hashes, and is damaged or not."""

    def __init__(self, *hashes: Hash, failure: Failure | None = None) -> None:
        self._reading = Reading(None, (*hashes, hashes_of(1, "sha256")["sha256"]), failure)

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        """Return what it was made with."""
        return self._reading


DAMAGED = Failure(Reason.TRUNCATED, "it is damaged")


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.sqlite
def test_what_could_not_be_checked_is_not_taken_more_lightly_for_a_near_match(
    make_scanner: MakeScanner, database: Database, action: Action
) -> None:
    _import(database)
    policy = {"unscreened_action": action, "lists": {"one": {"action": "allow"}}}
    alone = make_scanner(_Returns(failure=DAMAGED), **policy).scan(b"x", content_id="x")
    near = make_scanner(_Returns(_hash(36), failure=DAMAGED), **policy).scan(b"y", content_id="y")
    assert unscreened(alone).action is action
    assert isinstance(near, Matched)
    assert (near.action, near.reason) == (action, Reason.TRUNCATED)


def _allow(database: Database, bits: int) -> None:
    with database.writing() as session:
        allow_hash(session, "harmless", "pdq", _far(bits), Terms("Jane Doe"), "a meme")


@pytest.mark.sqlite
def test_an_allowance_explains_a_near_match_of_that_very_hash_and_no_other_one(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database)
    _allow(database, 36)
    scanner = make_scanner()
    allowed = scanner.lookup([_hash(36)], content_id="x")
    assert isinstance(allowed, Clear)
    assert [one.distance_bits for one in allowed.allowed] == [36]
    assert _nearness(scanner.lookup([_hash(35)], content_id="y")) == {"one": Nearness.NEAR}
    both = scanner.lookup([_hash(36), _hash(12, 1)], content_id="z")
    assert _nearness(both) == {"one": Nearness.MATCH}


@pytest.mark.sqlite
def test_a_near_match_of_another_hash_remains_where_a_match_is_allowed(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database)
    _allow(database, 12)
    outcome = make_scanner().lookup([_hash(12), _hash(36, 1)], content_id="x")
    assert isinstance(outcome, Matched)
    assert [one.distance_bits for one in outcome.matches] == [36]
    assert (outcome.action, outcome.allowed) == (Action.REVIEW, ())


def _contents(database: Database) -> list[int]:
    with database.reading() as session:
        return [one.contents for one in read_flooding(session)]


@pytest.mark.sqlite
def test_near_matches_flood_nothing(make_scanner: MakeScanner, database: Database) -> None:
    _import(database)
    scanner = make_scanner(guards={"max_contents_per_entry": 2})
    for number in range(5):
        scanner.lookup([_hash(36)], content_id=f"near/{number}")
    assert _contents(database) == []
    for number in range(3):
        scanner.lookup([_hash(36)], content_id=f"post/{number}")
        scanner.lookup([_hash(8)], content_id=f"post/{number}")
    assert _contents(database) == [3]


@pytest.mark.parametrize("action", list(FloodAction))
@pytest.mark.sqlite
def test_what_is_set_for_an_entry_that_floods_holds_for_near_matches(
    make_scanner: MakeScanner, database: Database, action: FloodAction
) -> None:
    other = hashes_of(5, "pdq")["pdq"].value
    _import(database, "one", f"pdq,{VALUE.hex()},e1", f"pdq,{other.hex()},e2")
    scanner = make_scanner(guards={"max_contents_per_entry": 1})
    for number in range(2):
        scanner.lookup([_hash(8)], content_id=f"post/{number}")
    decide_flooding(database, "one", "e1", action, "ann")
    outcome = make_scanner().lookup([_hash(36)], content_id="x")
    assert isinstance(outcome, Clear) is (action is FloodAction.DISABLE)
    assert isinstance(outcome, Clear) or outcome.action is Action.REVIEW


def test_the_same_content_within_the_threshold_later_is_a_match_then(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database)
    before = make_scanner(_Returns(_hash(36))).scan(b"x", content_id="x")
    after = make_scanner(_Returns(_hash(36), _hash(8, 1))).scan(b"x", content_id="x")
    assert isinstance(after, Matched)
    assert (_nearness(before), _nearness(after)) == (
        {"one": Nearness.NEAR},
        {"one": Nearness.MATCH},
    )
    assert after.action is Action.BLOCK
    assert _matches(before)[0].match_id == after.matches[0].match_id


def test_the_same_content_looked_at_less_closely_is_not_treated_more_mildly(
    make_scanner: MakeScanner, database: Database
) -> None:
    _import(database)
    make_scanner(_Returns(_hash(36), _hash(8, 1))).scan(b"x", content_id="x")
    again = make_scanner(_Returns(_hash(36))).scan(b"x", content_id="x")
    assert isinstance(again, Matched)
    assert (_nearness(again), again.action) == ({"one": Nearness.MATCH}, Action.BLOCK)
    # But what is near today by the threshold of today is near.
    stricter = make_scanner(_Returns(_hash(36)), thresholds_bits={"pdq": 4})
    today = stricter.scan(b"x", content_id="x")
    assert isinstance(today, Matched)
    assert today.action is Action.REVIEW


@pytest.mark.parametrize(
    ("first", "second", "suffice"),
    [
        (8, 60, True),
        (36, 60, True),  # Looking the first up records that it is near.
        (60, 60, True),
        (36, 8, False),  # Looked up alone, the first would be no match to act on.
        (60, 8, False),
        (60, 36, False),
        (8, 36, True),
    ],
)
@pytest.mark.sqlite
def test_a_hash_suffices_where_it_is_as_near_to_each_list_as_the_file(
    make_scanner: MakeScanner, database: Database, first: int, second: int, suffice: bool
) -> None:
    _import(database)
    scanner = make_scanner(_Returns(_hash(first), _hash(second, 1)))
    found = scanner.hash_for_lookup(b"x", {"pdq"})
    assert isinstance(found, LookupHashes)
    assert found.suffice is suffice
