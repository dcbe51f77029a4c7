"""Recall: a copy is found by what a scan looks up, as far as a scan looks it up."""

from __future__ import annotations

from typing import Any

import numpy as np

from hashmatch.evaluate import Group, RecallFigures, recall_document, recall_rows
from hashmatch.evaluate.recall import distances_of
from hashmatch.evaluate.recall_figures import Threshold
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, Level, Orientation, View
from hashmatch.wide import MAX_WIDE

PDQ = ALGORITHMS["pdq"]
MATCH, NEAR = Threshold("pdq", 31), Threshold("pdq", 31, 40)


def _hash(bits: int, view: View = View.TURNED, place: int = 0) -> Hash:
    """Return a hash so many bits from zero; `place` makes others at the same distance."""
    value = np.zeros(256, np.uint8)
    value[place : place + bits] = 1
    return Hash(PDQ, np.packbits(value).tobytes(), view=view)


ENTRY = _hash(0)


def _copy(any_bits: int, wide_bits: int, view: View = View.PART, **upright: int) -> dict[str, Any]:
    def nearest(bits: int, kind: str) -> dict[str, Any]:
        return {"bits": bits, "upright_bits": upright.get(kind, bits), "view": view,
                "orientation": Orientation.ORIGINAL}  # fmt: skip

    return {"any": nearest(any_bits, "any"), "wide": nearest(wide_bits, "wide")}


def _figures(*copies: dict[str, Any] | None, review_bits: int | None = 40) -> RecallFigures:
    """Return the figures of one alteration, with a picture for each copy."""
    header = {
        "levels": ["plain"], "seed": 1, "catalogue_version": 1, "thresholds_bits": {"pdq": 31},
        "review_bits": {"pdq": review_bits},
    }  # fmt: skip
    records = {
        f"{number}.png": {"copies": {"JPEG 90": {"plain": {"pdq": copy}}}}
        for number, copy in enumerate(copies)
    }
    return RecallFigures(header, records)


def test_near_copies_are_those_of_which_a_hash_that_reaches_farther_is_near() -> None:
    figures = _figures(_copy(31, 60), _copy(35, 35), _copy(35, 60), _copy(41, 41), None)
    of = (Group.ENCODING, Level.PLAIN)
    assert figures.of_group(*of, MATCH).found == 1
    assert figures.of_group(*of, NEAR).found == 2
    assert figures.of_group(*of, NEAR).copies == 5


def test_without_a_distance_for_review_nothing_is_near() -> None:
    figures = _figures(_copy(35, 35), review_bits=None)
    assert list(figures.thresholds()) == [MATCH]
    assert list(_figures(_copy(35, 35)).thresholds()) == [MATCH, NEAR]


def test_of_many_hashes_only_a_few_reach_farther() -> None:
    far = [_hash(90 + place, place=place) for place in range(MAX_WIDE)]
    found = distances_of([*far, _hash(35)], ENTRY)
    assert found is not None
    assert (found["any"]["bits"], found["wide"]["bits"]) == (35, 90)
    found = distances_of([*far, _hash(35, View.FULL)], ENTRY)
    assert found is not None
    assert (found["any"]["bits"], found["wide"]["bits"]) == (35, 35)
    assert distances_of([], ENTRY) is None


def test_turned_hashes_are_told_apart() -> None:
    figures = _figures(_copy(20, 20, any=90, wide=38), _copy(20, 20, any=90, wide=50))
    recall = figures.of_group(Group.ENCODING, Level.PLAIN, NEAR)
    assert (recall.found, recall.upright) == (2, 1)


def test_the_views_that_found_a_group_are_named() -> None:
    figures = _figures(_copy(9, 9), _copy(9, 9), _copy(9, 9, View.FULL), _copy(99, 99))
    (row, *_) = recall_rows(figures)
    assert row["views"] == {"part": 2, "full": 1}
    _, table, *_ = recall_document(figures).tables
    assert table.rows[0][-1] == "part 66.7 %, full 33.3 %"


def test_all_levels_stand_in_one_table_with_intervals() -> None:
    (table, *_) = recall_document(_figures(*[_copy(20, 20)] * 3, _copy(35, 35))).tables
    assert table.columns == ("group", "plain, match, 31 bits", "plain, or near, 40 bits")
    assert list(table.rows) == [["encoding", "75.0 %", "100 % (51-100)"]]


def test_rows_say_which_distances_they_are_of() -> None:
    rows = list(recall_rows(_figures(_copy(35, 35))))
    assert {(row["threshold_bits"], row["review_bits"]) for row in rows} == {(31, None), (31, 40)}
