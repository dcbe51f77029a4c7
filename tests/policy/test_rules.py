"""What counts as a match, and what is to be done about it."""

from __future__ import annotations

from typing import Any

import pytest

from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, is_match
from hashmatch.outcome import Action, Nearness, strongest
from hashmatch.policy import Policy

PDQ, MD5, PHASH = ALGORITHMS["pdq"], ALGORITHMS["md5"], ALGORITHMS["phash"]


def _policy(**policy: Any) -> Policy:
    return Policy(Settings.model_validate({"policy": policy}), ALGORITHMS)


def test_the_threshold_is_the_lists_own_else_the_general_one_else_the_algorithms() -> None:
    policy = _policy(
        thresholds_bits={"pdq": 25}, lists={"strict": {"thresholds_bits": {"pdq": 10}}}
    )
    assert _policy().threshold_bits("any", PDQ) == 31
    assert policy.threshold_bits("any", PDQ) == 25
    assert policy.threshold_bits("strict", PDQ) == 10
    assert policy.threshold_bits("strict", PHASH) == PHASH.threshold_bits
    assert policy.threshold_bits("any", MD5) == 0


@pytest.mark.parametrize("name", ["dhash", "whash", "ahash"])
def test_an_algorithm_that_bears_no_long_list_is_off_until_a_threshold_is_set(name: str) -> None:
    algorithm = ALGORITHMS[name]
    policy = _policy(lists={"asked": {"thresholds_bits": {name: 0}}})
    assert _policy().threshold_bits("any", algorithm) is None
    assert policy.threshold_bits("any", algorithm) is None
    assert policy.threshold_bits("asked", algorithm) == 0
    assert _policy(thresholds_bits={name: 3}).threshold_bits("any", algorithm) == 3


def test_what_is_near_is_the_lists_own_else_the_general_one_else_the_algorithms() -> None:
    policy = _policy(
        review_bits={"pdq": 36, "phash": 4}, lists={"far": {"review_bits": {"pdq": 48}}}
    )
    assert _policy().review_bits("any", PDQ) == 40
    assert policy.review_bits("any", PDQ) == 36
    assert policy.review_bits("far", PDQ) == 48
    assert policy.review_bits("far", PHASH) == 4
    assert _policy().review_bits("any", PHASH) is None
    assert policy.review_bits("any", MD5) is None


@pytest.mark.parametrize("review_bits", [0, 30, 31])
def test_nothing_is_near_that_matches_or_where_there_is_no_threshold(review_bits: int) -> None:
    assert _policy(review_bits={"pdq": review_bits}).review_bits("any", PDQ) is None
    wide = _policy(lists={"wide": {"thresholds_bits": {"pdq": 40}}})
    assert (wide.review_bits("any", PDQ), wide.review_bits("wide", PDQ)) == (40, None)
    off = _policy(review_bits={"dhash": 3})
    assert off.review_bits("any", ALGORITHMS["dhash"]) is None


def test_what_would_be_near_at_another_threshold() -> None:
    policy = _policy(lists={"wide": {"thresholds_bits": {"pdq": 40}}})
    assert [policy.review_bits_beyond(bits, "wide", PDQ) for bits in (24, 39, 40)] == [40, 40, None]


def test_hashes_match_up_to_the_threshold_itself() -> None:
    assert is_match(31, 31)
    assert not is_match(32, 31)


@pytest.mark.parametrize(("quality", "is_low"), [(49, True), (50, False), (None, False)])
def test_the_quality_gate_is_50_for_pdq(quality: int | None, is_low: bool) -> None:
    assert _policy().is_low_quality(Hash(PDQ, bytes(32), quality)) is is_low


def test_the_quality_gate_can_be_moved_and_leaves_other_algorithms_alone() -> None:
    policy = _policy(min_quality={"pdq": 10})
    assert not policy.is_low_quality(Hash(PDQ, bytes(32), 10))
    assert policy.is_low_quality(Hash(PDQ, bytes(32), 9))
    assert not policy.is_low_quality(Hash(PHASH, bytes(8)))


def test_the_action_is_the_categorys_else_the_lists_else_the_general_one() -> None:
    policy = _policy(
        lists={"soft": {"action": "review", "categories": {"A": "block"}}, "plain": {}}
    )
    assert policy.action("any", "A") is Action.BLOCK
    assert policy.action("plain", "A") is Action.BLOCK
    assert policy.action("soft", "C") is Action.REVIEW
    assert policy.action("soft", "A") is Action.BLOCK


def test_what_is_only_near_is_never_blocked() -> None:
    policy = _policy(lists={"soft": {"action": "allow", "categories": {"A": "block"}}})
    found = [policy.action("soft", one, Nearness.NEAR) for one in ("A", "B")]
    assert found == [Action.REVIEW, Action.ALLOW]
    assert policy.action("any", "A", Nearness.NEAR) is Action.REVIEW


def test_the_strongest_action_wins() -> None:
    assert strongest([Action.ALLOW, Action.BLOCK, Action.REVIEW]) is Action.BLOCK
    assert strongest([Action.REVIEW, Action.ALLOW]) is Action.REVIEW


@pytest.mark.parametrize(
    ("policy", "key"),
    [
        ({"thresholds_bits": {"pqd": 31}}, "policy.thresholds_bits.pqd"),
        ({"thresholds_bits": {"md5": 1}}, "policy.thresholds_bits.md5"),
        ({"thresholds_bits": {"pdq": 128}}, "policy.thresholds_bits.pdq"),
        ({"lists": {"x": {"thresholds_bits": {"phash": 32}}}}, "policy.lists.x.thresholds_bits"),
        ({"review_bits": {"pqd": 40}}, "policy.review_bits.pqd"),
        ({"review_bits": {"md5": 1}}, "policy.review_bits.md5"),
        ({"lists": {"x": {"review_bits": {"pdq": 128}}}}, "policy.lists.x.review_bits.pdq"),
        ({"min_quality": {"phash": 5}}, "policy.min_quality.phash"),
        ({"min_quality": {"nope": 5}}, "policy.min_quality.nope"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        _policy(**policy)
