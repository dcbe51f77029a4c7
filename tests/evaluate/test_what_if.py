"""Other thresholds on the record: what remains, is only near, is gone, and what is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from hashmatch.cases import CaseAction
from hashmatch.config import Settings
from hashmatch.errors import InputError
from hashmatch.evaluate import WhatIf, parse_thresholds, try_thresholds
from hashmatch.hashers import ALGORITHMS
from hashmatch.policy import Policy
from hashmatch.store.engine import Database
from hashmatch.store.matches import MatchFilter
from tests.cases.making import act, make_match
from tests.pictures import list_of
from tests.store.importing import import_text


def _policy(**policy: Any) -> Policy:
    return Policy(Settings.model_validate({"policy": policy}), ALGORITHMS)


NONE_NEAR = _policy(review_bits={"pdq": 0})


@pytest.fixture
def matched(database: Database) -> Database:
    """Matches of two lists at threshold 31, some decided, one near, one item with two."""
    import_text(database, "one", list_of(1, 2, 3, 4))
    import_text(database, "two", list_of(5))
    for distance_bits in (0, 24, 25, 31):
        make_match(database, f"post/{distance_bits}", distance_bits=distance_bits)
    act(database, 1, CaseAction.CONFIRM)
    act(database, 4, CaseAction.DISMISS)
    make_match(database, "post/near", distance_bits=38)
    make_match(database, "post/25", entries=(5,), list_key=2, distance_bits=10)
    return database


def _ask(database: Database, *thresholds: str, near: tuple[str, ...] = (), **wanted: Any) -> WhatIf:
    with database.reading() as session:
        others = parse_thresholds(thresholds, near, NONE_NEAR)
        return try_thresholds(session, MatchFilter(**wanted), others)


def _fates(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["remain"], row["near"], row["gone"]


def test_a_lower_threshold_leaves_fewer_matches(matched: Database) -> None:
    found = _ask(matched, "pdq=24")
    assert {one["list"]: _fates(one) for one in found.lists} == {"one": (2, 0, 3), "two": (1, 0, 0)}
    assert found.is_complete


def test_what_is_beyond_the_threshold_may_still_be_near(matched: Database) -> None:
    found = _ask(matched, "pdq=24", near=("pdq=31",), list_name="one")
    (row,) = found.lists
    assert _fates(row) == (2, 2, 1)
    assert {one["distance_bits"]: one["is"] for one in found.distances} == {
        0: "match",
        24: "match",
        25: "near",
        31: "near",
        38: "gone",
    }


def test_an_item_remains_by_its_best_match_and_is_counted_by_its_result(matched: Database) -> None:
    found = {one["result"]: one for one in _ask(matched, "pdq=24").results}
    assert _fates(found["confirmed"]) == (1, 0, 0)
    assert _fates(found["false_positive"]) == (0, 0, 1)
    assert _fates(found["open"]) == (2, 0, 1)
    assert (found["open"]["content_items"], found["open"]["near_now"]) == (3, 1)


def test_matches_of_other_lists_stay_as_they_are(matched: Database) -> None:
    found = _ask(matched, "pdq=5", list_name="one")
    assert [one["list"] for one in found.lists] == ["one"]
    opened = next(one for one in found.results if one["result"] == "open")
    # One of them also matches the other list at 10 bits.
    assert _fates(opened) == (1, 0, 2)


def test_a_higher_threshold_cannot_be_answered_from_the_record(matched: Database) -> None:
    found = _ask(matched, "pdq=40", list_name="one")
    (row,) = found.lists
    assert _fates(row) == (5, 0, 0)
    assert not row["is_complete"]
    assert not found.is_complete
    assert _ask(matched, "pdq=31").is_complete


@pytest.mark.parametrize(
    ("thresholds", "near"),
    [
        ((), ()),
        (("pdq",), ()),
        (("pdq=-1",), ()),
        (("pdq=1", "pdq=2"), ()),
        (("sha256=1",), ()),
        (("none=1",), ()),
        (("pdq=24",), ("pdq=24",)),
        (("pdq=24",), ("phash=30",)),
    ],
)
@pytest.mark.sqlite
def test_a_question_that_makes_no_sense_is_refused(
    thresholds: tuple[str, ...], near: tuple[str, ...]
) -> None:
    with pytest.raises(InputError):
        parse_thresholds(thresholds, near, NONE_NEAR)


@pytest.mark.sqlite
def test_the_policy_says_what_would_be_near_unless_the_question_does() -> None:
    policy = _policy(lists={"far": {"review_bits": {"pdq": 48}}})

    def near_bits(*arguments: str, near: tuple[str, ...] = (), name: str | None = None) -> int:
        return parse_thresholds(arguments, near, policy, name)["pdq"].review_bits

    assert near_bits("pdq=24") == near_bits("pdq=24", name="other") == 40
    assert near_bits("pdq=24", name="far") == 48
    assert near_bits("pdq=24", near=("pdq=30",), name="far") == 30
    assert near_bits("pdq=45") == 45
