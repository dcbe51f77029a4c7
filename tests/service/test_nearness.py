"""Distances over HTTP: in bands, lest callers approach a hash, and near matches as such."""

from __future__ import annotations

from typing import Any

import pytest

from hashmatch.hashes import Orientation, View
from hashmatch.outcome import Action, Match, Matched, band_end, nearness
from hashmatch.service.api.hma.words import to_act_on
from hashmatch.store.engine import Database
from hashmatch.store.tokens import Scope
from tests.cases.making import make_match
from tests.pictures import drawn, hashes_of
from tests.service.conftest import Serve
from tests.service.serving import Served, make_token
from tests.store.importing import import_text

PDQ = hashes_of(1, "pdq")["pdq"].value.hex()
FOUR_BITS_AWAY = f"{int(PDQ, 16) ^ 0b1111:064x}"


@pytest.mark.parametrize("threshold_bits", [0, 4, 8, 30, 31, 32])
def test_the_end_of_a_band_is_as_near_as_what_is_in_it(threshold_bits: int) -> None:
    for distance_bits in range(64):
        end = band_end(distance_bits, threshold_bits)
        assert distance_bits <= end < distance_bits + 8
        assert nearness(end, threshold_bits) is nearness(distance_bits, threshold_bits)
    assert [band_end(one, 31) for one in (0, 7, 8, 31, 32)] == [7, 7, 15, 31, 39]


def _look_up(served: Served, *scopes: Scope) -> dict[str, Any]:
    body = {"hashes": [{"algorithm": "pdq", "value": FOUR_BITS_AWAY, "content_id": "post/1"}]}
    headers = make_token(served.database, *scopes)
    answer = served.client.post("/v1/lookup", json=body, headers=headers).json()
    (match,) = answer["results"][0]["matches"]
    return dict(match)


def test_only_exporters_see_exact_distances(served: Served) -> None:
    seen = _look_up(served, Scope.SCAN)
    assert (seen["nearness"], seen["distance_bits"], seen["threshold_bits"]) == ("match", 7, 31)
    assert _look_up(served, Scope.SCAN, Scope.EXPORT)["distance_bits"] == 4


def test_clients_of_hma_see_them_no_better(served: Served) -> None:
    query = {"signal_type": "pdq", "signal": FOUR_BITS_AWAY, "include_distance": "true"}
    for scopes, distance in (((Scope.SCAN,), "7"), ((Scope.SCAN, Scope.EXPORT), "4")):
        headers = make_token(served.database, *scopes)
        found = served.client.get("/m/raw_lookup", params=query, headers=headers).json()
        assert [one["distance"] for one in found["matches"]] == [distance]
        del query["include_distance"]
        by_bank = served.client.get("/m/lookup", params=query, headers=headers).json()
        assert [one["distance"] for one in by_bank["ONE"]] == [distance]
        query["include_distance"] = "true"


def test_reviewers_see_what_is_near_in_matches_and_cases(served: Served) -> None:
    case = make_match(served.database, distance_bits=36)
    for scopes, distance in (((Scope.REVIEW,), 39), ((Scope.REVIEW, Scope.EXPORT), 36)):
        headers = make_token(served.database, *scopes)
        (row,) = served.client.get("/v1/matches", headers=headers).json()["matches"]
        (own,) = served.client.get(f"/v1/cases/{case}", headers=headers).json()["matches"]
        assert (row["nearness"], row["distance_bits"]) == ("near", distance)
        assert (own["nearness"], own["distance_bits"]) == ("near", distance)


def _match(distance_bits: int) -> Match:
    return Match(
        str(distance_bits), "one", 1, 1, "e1", "pdq", distance_bits, 31, Orientation.ORIGINAL, 0,
        View.FULL, "A",
    )  # fmt: skip


def _outcome(action: Action, *distances: int) -> Matched:
    return Matched("post/1", action, tuple(map(_match, distances)), None, (), 1.0)


def test_clients_of_hma_are_given_no_near_match_unless_it_is_to_be_blocked() -> None:
    near, match = _match(36), _match(4)
    assert to_act_on(_outcome(Action.REVIEW, 36)) == []
    assert to_act_on(_outcome(Action.BLOCK, 36, 4)) == [match]
    assert to_act_on(_outcome(Action.BLOCK, 36)) == [near]


THIRTY_SIX_BITS_AWAY = f"{int(PDQ, 16) ^ sum(0x1FF << 64 * part for part in range(4)):064x}"


def test_a_near_match_is_answered_as_one_for_review_in_its_band(served: Served) -> None:
    body = {"hashes": [{"algorithm": "pdq", "value": THIRTY_SIX_BITS_AWAY, "content_id": "x"}]}
    for scopes, distance in (((Scope.SCAN,), 39), ((Scope.SCAN, Scope.EXPORT), 36)):
        headers = make_token(served.database, *scopes)
        answer = served.client.post("/v1/lookup", json=body, headers=headers)
        (result,) = answer.json()["results"]
        (match,) = result["matches"]
        assert (answer.status_code, result["outcome"], result["action"]) == (
            200,
            "matched",
            "review",
        )
        assert (match["nearness"], match["distance_bits"]) == ("near", distance)


def test_a_scan_that_finds_something_near_is_for_review(serve: Serve, database: Database) -> None:
    row = f"algorithm,value,entry_id,category\npdq,{THIRTY_SIX_BITS_AWAY},e1,A\n"
    with serve() as served:
        import_text(database, "one", row)
        files = {"file": ("a", drawn(1), "application/octet-stream")}
        sent = served.client.post("/v1/scan", params={"content_id": "post/1"}, files=files)
        answer = sent.json()
        assert (answer["outcome"], answer["action"]) == ("matched", "review")
        assert {one["nearness"] for one in answer["matches"]} == {"near"}


def test_clients_of_hma_find_nothing_near_but_a_case_is_opened(served: Served) -> None:
    query = {"signal_type": "pdq", "signal": THIRTY_SIX_BITS_AWAY}
    found = served.client.get("/m/raw_lookup", params=query)
    assert (found.status_code, found.json()) == (200, {"matches": []})
    (case,) = served.client.get("/v1/cases").json()["cases"]
    (match,) = served.client.get(f"/v1/cases/{case['case']}").json()["matches"]
    assert match["nearness"] == "near"
