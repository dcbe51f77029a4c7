"""Facts of a policy: the same for the same policy, and without a secret."""

from __future__ import annotations

import json
from typing import Any

from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.policy import changes_between, digest_of, policy_facts


def _facts(**sections: Any) -> dict[str, Any]:
    return policy_facts(Settings.model_validate(sections), ALGORITHMS)


def test_a_default_that_is_written_out_is_the_same_policy() -> None:
    bits = ALGORITHMS["pdq"].threshold_bits
    assert _facts(policy={"thresholds_bits": {"pdq": bits}}) == _facts()
    assert _facts(policy={"lists": {"one": {}}}) == _facts()


def test_the_distances_in_force_are_facts_with_their_defaults() -> None:
    facts = _facts()
    assert facts["policy.thresholds_bits.pdq"] == ALGORITHMS["pdq"].threshold_bits
    assert facts["policy.review_bits.pdq"] == ALGORITHMS["pdq"].review_bits
    assert facts["policy.min_quality.pdq"] == ALGORITHMS["pdq"].min_quality
    # Off until somebody sets a threshold.
    assert "policy.thresholds_bits.dhash" not in facts


def test_the_order_of_names_says_nothing() -> None:
    one = _facts(intake={"formats": ["PNG", "JPEG"]}, cases={"four_eyes": ["report", "dismiss"]})
    other = _facts(intake={"formats": ["JPEG", "PNG"]}, cases={"four_eyes": ["dismiss", "report"]})
    assert digest_of(one) == digest_of(other)


def test_names_with_dots_cannot_stand_for_other_keys() -> None:
    one = _facts(policy={"lists": {"a.categories": {"action": "allow"}}})
    other = _facts(policy={"lists": {"a": {"categories": {"action": "allow"}}}})
    assert digest_of(one) != digest_of(other)


def test_no_secret_is_a_fact() -> None:
    facts = _facts(
        lists={
            "one": {
                "source": "https",
                "url": "https://name:hidden@lists.example/one?token=hidden",
                "username": "hidden",
                "password": {"env": "hidden"},
            }
        },
        audit={"signing_key": {"file": "/etc/hidden"}},
        webhooks={"desk": {"url": "https://hidden.example", "secret": {"env": "hidden"}}},
    )
    assert "hidden" not in json.dumps(facts)
    assert facts["lists.one.url"] == "https://lists.example/one"
    assert facts["audit.signing_key"] is True


def test_places_of_data_and_speed_are_no_policy() -> None:
    moved = _facts(data_dir="/elsewhere", service={"port": 1, "workers": 9}, intake={"workers": 3})
    assert moved == _facts()


def test_changes_are_named_by_key_with_both_values() -> None:
    changes = changes_between(
        _facts(), _facts(intake={"level": "plain"}, retention={"closed_days": 9})
    )
    assert changes == {
        "intake.level": ["standard", "plain"],
        "retention.closed_days": [0.0, 9.0],
    }
