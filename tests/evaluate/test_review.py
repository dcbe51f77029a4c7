"""Precision: of decided cases, with intervals, near matches apart and open cases on no side."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from hashmatch.cases import CaseAction
from hashmatch.errors import InputError, UnknownListError
from hashmatch.evaluate import review_rows
from hashmatch.store.engine import Database
from hashmatch.store.matches import MatchFilter
from hashmatch.store.migrations import downgrade, upgrade
from tests.cases.making import act, make_match, row_of
from tests.pictures import list_of
from tests.store.importing import import_text


@pytest.fixture
def decided(database: Database) -> Database:
    """Two lists; of the first three cases are confirmed, one is not, one open, one only near."""
    import_text(database, "one", list_of(1, 2, 3, 4))
    import_text(database, "two", list_of(5))
    for number in range(3):
        case = make_match(database, f"post/good/{number}", entries=(1, 2), distance_bits=2)
        act(database, case, CaseAction.CONFIRM)
    bad = make_match(database, "post/bad", distance_bits=30)
    act(database, bad, CaseAction.DISMISS)
    make_match(database, "post/open", distance_bits=8)
    near = make_match(database, "post/near", distance_bits=36)
    act(database, near, CaseAction.DISMISS)
    make_match(database, "post/two", entries=(5,), list_key=2)
    return database


def _rows(database: Database, **kind: Any) -> list[dict[str, Any]]:
    """Return the rows of a kind; properties that are not given have to be of none."""
    wanted = {"list": None, "algorithm": None, "distance": None, "view": None} | kind
    with database.reading() as session:
        rows = list(review_rows(session, MatchFilter()))
    return [one for one in rows if all(one[name] == value for name, value in wanted.items())]


def _counts(row: dict[str, Any]) -> tuple[int, int, int, int]:
    return row["matches"], row["confirmed"], row["false_positives"], row["open"]


def test_a_case_counts_once_however_many_matches_it_has(decided: Database) -> None:
    matched, near = _rows(decided)
    assert (matched["nearness"], near["nearness"]) == ("match", "near")
    assert _counts(matched) == (9, 3, 1, 2)
    assert matched["precision"] == 0.75


def test_near_matches_are_counted_apart(decided: Database) -> None:
    near = _rows(decided)[1]
    assert _counts(near) == (1, 0, 1, 0)
    assert near["precision"] == 0.0


def test_open_cases_are_taken_for_neither_side(decided: Database) -> None:
    (row,) = _rows(decided, list="two")
    assert _counts(row) == (1, 0, 0, 1)
    assert row["precision"] is None
    assert row["precision_low"] is None


def test_distances_are_counted_in_bands_of_eight_bits(decided: Database) -> None:
    found = {
        band: [_counts(one) for one in _rows(decided, algorithm="pdq", distance=band)]
        for band in ("0-7", "8-15", "24-31", "32-39")
    }
    assert found == {
        "0-7": [(7, 3, 0, 1)],
        "8-15": [(1, 0, 0, 1)],
        "24-31": [(1, 0, 1, 0)],
        "32-39": [(1, 0, 1, 0)],
    }
    assert [_counts(one) for one in _rows(decided, view="full")] == [(9, 3, 1, 2), (1, 0, 1, 0)]


def test_a_closed_case_keeps_its_result_and_a_reopened_one_does_not(decided: Database) -> None:
    act(decided, 4, CaseAction.CLOSE)
    assert _counts(_rows(decided)[0]) == (9, 3, 1, 2)
    act(decided, 4, CaseAction.REOPEN)
    assert _counts(_rows(decided)[0]) == (9, 3, 0, 3)


def test_a_dismissed_case_that_matches_again_is_open(decided: Database) -> None:
    make_match(decided, "post/bad", entries=(3,))
    assert row_of(decided, 4).result == "open"


def test_cases_of_earlier_versions_get_their_results_from_the_audit_log(decided: Database) -> None:
    act(decided, 4, CaseAction.CLOSE)
    downgrade(decided, "0016")
    upgrade(decided)
    with decided.reading() as session:
        found = session.execute(text("SELECT state, result FROM cases ORDER BY key")).all()
    assert [tuple(one) for one in found] == [
        *[("confirmed", "confirmed")] * 3,
        ("closed", "false_positive"),
        ("open", "open"),
        ("false_positive", "false_positive"),
        ("open", "open"),
    ]


def test_an_unknown_list_has_no_precision(decided: Database) -> None:
    with decided.reading() as session, pytest.raises(UnknownListError):
        list(review_rows(session, MatchFilter(list_name="three")))
    with pytest.raises(InputError):
        MatchFilter(since=row_of(decided, 5).opened_at, until=row_of(decided, 1).opened_at)
