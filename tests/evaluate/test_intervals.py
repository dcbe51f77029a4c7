"""Intervals against values that are known."""

from __future__ import annotations

import pytest

from hashmatch.evaluate.intervals import wilson


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [(0, 139, 0.0, 0.0269), (138, 139, 0.9604, 0.9987), (70, 140, 0.4183, 0.5817),
     (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (1, 1, 0.2065, 1.0)],
)  # fmt: skip
def test_wilson_gives_the_values_of_the_books(found: int, of: int, low: float, high: float) -> None:
    interval = wilson(found / of, of)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_nothing_measured_says_nothing() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_a_number_that_is_not_whole_lies_between_its_neighbours() -> None:
    reaches = [wilson(0.5, number).high for number in (10, 10.5, 11)]
    assert reaches == sorted(reaches, reverse=True)
    assert len(set(reaches)) == 3
