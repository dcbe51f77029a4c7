"""JSON of outcomes: the functions that write it agree with the dataclasses that declare it."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import pytest
from pydantic import TypeAdapter

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, Orientation, View
from hashmatch.outcome import (
    Action,
    AllowedMatch,
    Clear,
    Match,
    Matched,
    Media,
    Outcome,
    Reason,
    Unscreened,
)
from hashmatch.provenance import Credentials, Provenance
from hashmatch.wire import (
    WireAllowed,
    WireHash,
    WireMatch,
    WireOutcome,
    WireProvenance,
    hash_as_json,
    match_as_json,
    outcome_as_json,
)

HASH = Hash(ALGORITHMS["pdq"], bytes(32), quality=90, view=View.EMBEDDED)
MATCH = Match(
    "1", "one", 1, 7, "e1", "pdq", 0, 31, Orientation.ORIGINAL, 0, View.EMBEDDED_INNER, "A"
)
ALLOWED = AllowedMatch("one", "e1", "pdq", 0, "logos", "l1")
MEDIA = Media("JPEG", 640, 480, 1)

ORIGIN = Provenance(("png:parameters",), Credentials.VALID, "somebody")
CLEAR = Clear("x", MEDIA, (HASH,), 1.04, (ALLOWED,))
MATCHED = Matched(
    "x", Action.BLOCK, (MATCH,), MEDIA, (HASH,), 1.04, Reason.TRUNCATED, (ALLOWED,), ORIGIN
)
UNSCREENED = Unscreened("x", Action.REVIEW, Reason.EMPTY, "no bytes", None, (), 1.04)


def _names(kind: Any) -> list[str]:
    return [one.name for one in fields(kind)]


def _required(kind: Any) -> set[str]:
    return {one.name for one in fields(kind) if one.default is MISSING}


def test_an_outcome_has_the_fields_that_are_declared_in_their_order() -> None:
    shown = outcome_as_json(UNSCREENED, show_hashes=True)
    assert list(shown) == _names(WireOutcome)
    for outcome in (CLEAR, MATCHED):
        assert set(outcome_as_json(outcome)) == _required(WireOutcome)


def test_the_parts_of_an_outcome_have_the_fields_that_are_declared_in_their_order() -> None:
    shown = outcome_as_json(MATCHED, show_hashes=True)
    assert list(shown["media"]) == _names(Media)
    assert [list(one) for one in shown["hashes"]] == [_names(WireHash)]
    assert [list(one) for one in shown["matches"]] == [_names(WireMatch)]
    assert list(shown["provenance"]) == _names(WireProvenance)
    assert shown["provenance"] == {
        "declared": "generated", "evidence": ["png:parameters"], "c2pa": "valid",
        "issuer": "somebody",
    }  # fmt: skip
    assert [list(one) for one in shown["allowed"]] == [_names(WireAllowed)]
    assert list(match_as_json(MATCH)) == _names(WireMatch)
    assert list(hash_as_json(HASH, show_value=True)) == _names(WireHash)
    assert set(hash_as_json(HASH, show_value=False)) == _required(WireHash)


@pytest.mark.parametrize(
    "outcome", [CLEAR, MATCHED, UNSCREENED], ids=lambda one: type(one).__name__
)
def test_the_values_are_of_the_types_that_are_declared(outcome: Outcome) -> None:
    shown = outcome_as_json(outcome, show_hashes=True)
    read = TypeAdapter(WireOutcome).validate_json(json.dumps(shown), strict=True)
    assert read.content_id == "x"
    assert read.elapsed_ms == 1.0
    assert [one.view for one in read.matches] == [one["view"] for one in shown["matches"]]
    assert [one.value for one in read.hashes] == ["00" * 32 for _ in outcome.hashes]
