"""A list of which nothing is matched is never passed over: each list by itself."""

from __future__ import annotations

from collections.abc import Set

import pytest

from hashmatch.config import Settings
from hashmatch.errors import NoActiveListError
from hashmatch.hashes import Level
from hashmatch.imaging import Intake, Reading
from hashmatch.outcome import Clear, Matched, Reason
from hashmatch.store.engine import Database
from hashmatch.store.lists import remove_list
from hashmatch.wiring import open_intake
from tests.pictures import drawn, hashes_of, list_of
from tests.scanning import MakeScanner, unscreened
from tests.store.importing import import_text

OFF = ("dhash", "whash", "ahash")


@pytest.mark.parametrize("name", OFF)
def test_a_list_of_an_algorithm_that_is_off_leaves_every_image_unscreened(
    make_scanner: MakeScanner, database: Database, name: str
) -> None:
    import_text(database, "two", list_of(5, algorithms=(name,)))
    outcome = unscreened(make_scanner().scan(drawn(9), content_id="x"))
    assert outcome.reason is Reason.NO_ACTIVE_LIST
    assert "list two " in outcome.detail
    assert f"policy.lists.two.thresholds_bits.{name}" in outcome.detail


def test_another_list_still_matches_and_the_match_says_that_not_all_was_checked(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(5, algorithms=("dhash",)))
    outcome = make_scanner().scan(drawn(1), content_id="x")
    assert isinstance(outcome, Matched)
    assert outcome.reason is Reason.NO_ACTIVE_LIST


def test_a_threshold_for_that_list_or_for_all_of_them_matches_it(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(5, algorithms=("dhash",)))
    for policy in (
        {"thresholds_bits": {"dhash": 0}},
        {"lists": {"two": {"thresholds_bits": {"dhash": 0}}}},
    ):
        scanner = make_scanner(**policy)
        assert isinstance(scanner.scan(drawn(9), content_id="x"), Clear)
        outcome = scanner.scan(drawn(5), content_id="y")
        assert isinstance(outcome, Matched)
        assert {one.list_name for one in outcome.matches} == {"two"}


def test_a_threshold_for_one_list_does_not_reach_another(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(5, algorithms=("dhash",)))
    import_text(database, "three", list_of(6, algorithms=("dhash", "ahash")))
    scanner = make_scanner(lists={"two": {"thresholds_bits": {"dhash": 0}}})
    outcome = unscreened(scanner.scan(drawn(6), content_id="x"))
    assert "list three " in outcome.detail
    assert "list two " not in outcome.detail


def test_an_entry_with_another_hash_is_matched_by_that_alone(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(5, algorithms=("sha256", "dhash")))
    scanner = make_scanner()
    assert isinstance(scanner.scan(drawn(5), content_id="x"), Matched)
    assert isinstance(scanner.scan(drawn(5, "PNG"), content_id="y"), Clear)


class _Remembering(Intake):
    """An intake that remembers which algorithms were asked for."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.asked: list[set[str]] = []

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        self.asked.append(set(algorithms))
        return self._intake.read(data, algorithms, level)


def test_hashes_that_no_list_is_matched_by_are_not_computed(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(5, algorithms=("phash", *OFF)))
    settings = Settings.model_validate({"intake": {"isolation": "none"}})
    intake = _Remembering(open_intake(settings))
    make_scanner(intake).scan(drawn(9), content_id="x")
    make_scanner(intake, thresholds_bits={"whash": 1}).scan(drawn(9), content_id="x")
    assert intake.asked == [{"pdq", "sha256", "phash"}, {"pdq", "sha256", "phash", "whash"}]


def test_a_hash_that_no_list_is_matched_by_proves_nothing(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(5, algorithms=("sha256", "dhash")))
    outcome = unscreened(make_scanner().lookup([hashes_of(5)["dhash"]], content_id="x"))
    assert outcome.reason is Reason.NO_ACTIVE_LIST
    assert "dhash" in outcome.detail


def test_a_scanner_does_not_open_where_nothing_at_all_is_matched(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(5, algorithms=("ahash",)))
    make_scanner().require_lists()
    with database.writing() as session:
        remove_list(session, "one")
    with pytest.raises(NoActiveListError, match=r"policy\.lists\.two\.thresholds_bits\.ahash"):
        make_scanner().require_lists()
