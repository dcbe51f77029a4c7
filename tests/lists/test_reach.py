"""The reach of a list: what is matched of it, what is not, and the false matches to expect."""

from __future__ import annotations

from typing import Any

import pytest

from hashmatch.config import Settings
from hashmatch.forecast import Forecast
from hashmatch.hashers import ALGORITHMS
from hashmatch.lists import ListReach, forecast_words, reach_of_list
from hashmatch.policy import Policy
from hashmatch.store.engine import Database
from hashmatch.store.lists import count_active_entries, disable_entries, read_lists
from tests.pictures import hashes_of, list_of
from tests.store.importing import import_text


def _reach(database: Database, **policy: Any) -> ListReach:
    chosen = Policy(Settings.model_validate({"policy": policy}), ALGORITHMS)
    with database.reading() as session:
        counts = {algorithm: number for _, algorithm, number in count_active_entries(session)}
        (one,) = read_lists(session)
        return reach_of_list(session, chosen, one, counts)


def test_hashes_without_a_threshold_are_counted_as_not_matched(database: Database) -> None:
    import_text(database, "one", list_of(1, 2, 3, algorithms=("pdq", "md5", "dhash", "ahash")))
    found = _reach(database)
    assert (found.is_matched, dict(found.not_matched)) == (True, {"ahash": 3, "dhash": 3})
    assert found.entries_not_matched == 0
    assert found.perceptual.keys() == {"pdq"}
    asked = _reach(database, thresholds_bits={"dhash": 1})
    assert dict(asked.not_matched) == {"ahash": 3}
    assert asked.perceptual.keys() == {"dhash", "pdq"}


def test_entries_of_such_hashes_alone_are_counted_by_their_ids(database: Database) -> None:
    own = list_of(1, algorithms=("md5", "dhash")) + list_of(
        2, 3, algorithms=("dhash", "ahash"), header=False
    )
    unnamed = [f"dhash,{hashes_of(seed)['dhash'].value.hex()},,A\n" for seed in (4, 5)]
    import_text(database, "one", own + "".join(unnamed))
    assert _reach(database).entries_not_matched == 4
    with database.writing() as session:
        disable_entries(session, "one", ["e3"])
    assert _reach(database).entries_not_matched == 3


def test_a_list_of_such_hashes_alone_is_not_matched(database: Database) -> None:
    import_text(database, "one", list_of(1, algorithms=("ahash",)))
    assert not _reach(database).is_matched
    assert _reach(database, thresholds_bits={"ahash": 0}).is_matched


def test_the_forecast_counts_each_hash_once_and_adds_the_algorithms_up(database: Database) -> None:
    rows = list_of(1, 2, algorithms=("phash", "pdq"))
    again = [f"phash,{hashes_of(1)['phash'].value.hex()},again{n},A\n" for n in range(10)]
    import_text(database, "one", rows + "".join(again))
    found = _reach(database)
    assert found.forecast.false_matches == pytest.approx(2 * (800 + 1e-5) / 1e6)
    assert not found.forecast.is_extrapolated
    assert _reach(database, thresholds_bits={"pdq": 20}).forecast.is_extrapolated


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Forecast(0.0, is_extrapolated=False), "under 0.001"),
        (Forecast(0.0234, is_extrapolated=False), "0.023"),
        (Forecast(7.96, is_extrapolated=False), "8"),
        (Forecast(812.3, is_extrapolated=True), "810 (extrapolated)"),
        (Forecast(1.04e8, is_extrapolated=False), "100,000,000"),
    ],
)
def test_a_forecast_is_given_to_two_digits(found: Forecast, words: str) -> None:
    assert forecast_words(found) == words
    assert forecast_words(found, ["fields"]) == f"{words}, fields not measured"
    assert forecast_words(None, ["fields"]) == "fields not measured"
