"""What counts as a match, and what is to be done about it."""

from __future__ import annotations

from typing import Any

import pytest

from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, is_match
from hashmatch.outcome import Action, strongest
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
    assert policy.widest_threshold_bits(["any", "asked"], algorithm) == 0
    assert _policy(thresholds_bits={name: 3}).threshold_bits("any", algorithm) == 3


def test_the_index_is_asked_as_far_as_any_list_reaches() -> None:
    policy = _policy(lists={"wide": {"thresholds_bits": {"pdq": 40}}})
    assert policy.widest_threshold_bits(["any"], PDQ) == 31
    assert policy.widest_threshold_bits(["any", "wide"], PDQ) == 40
    assert policy.widest_threshold_bits([], PDQ) is None


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
        ({"min_quality": {"phash": 5}}, "policy.min_quality.phash"),
        ({"min_quality": {"nope": 5}}, "policy.min_quality.nope"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        _policy(**policy)
