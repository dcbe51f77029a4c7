"""The forecast of false matches has the measured figures, and grows with list and threshold."""

from __future__ import annotations

import pytest

from hashmatch.forecast import forecast
from hashmatch.hashers import ALGORITHMS

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("name", "threshold_bits", "measured"),
    [
        ("pdq", 31, 1e-5),
        ("pdq", 40, 5e-4),
        ("pdq", 48, 0.02),
        ("pdq", 56, 0.8),
        ("phash", 2, 800),
        ("phash", 8, 1e5),
        ("dhash", 6, 4e6),
        ("whash", 4, 1e8),
        ("ahash", 4, 1e8),
    ],
)
def test_the_measured_figures_are_given(name: str, threshold_bits: int, measured: float) -> None:
    found = forecast(ALGORITHMS[name], threshold_bits, MILLION)
    assert found is not None
    assert found.false_matches == pytest.approx(measured)
    assert not found.is_extrapolated


def _false_matches(name: str, threshold_bits: int, hashes: int = MILLION) -> float:
    found = forecast(ALGORITHMS[name], threshold_bits, hashes)
    assert found is not None
    return found.false_matches


def test_it_is_proportional_to_the_list() -> None:
    assert _false_matches("phash", 2, 10_000) == pytest.approx(8)
    assert _false_matches("phash", 2, 10 * MILLION) == pytest.approx(8_000)
    assert _false_matches("phash", 2, 0) == 0


def test_between_measured_thresholds_it_is_log_linear() -> None:
    assert _false_matches("pdq", 44) == pytest.approx((5e-4 * 0.02) ** 0.5)
    assert _false_matches("phash", 5) == pytest.approx((800 * 1e5) ** 0.5)


@pytest.mark.parametrize("name", ["pdq", "phash", "dhash", "whash", "ahash"])
def test_it_never_falls_with_the_threshold_nor_exceeds_every_pair(name: str) -> None:
    every = [_false_matches(name, bits) for bits in range(ALGORITHMS[name].bits // 2)]
    assert every == sorted(every)
    assert every[-1] <= MILLION * MILLION
    assert _false_matches(name, ALGORITHMS[name].bits // 2, 10) <= 10 * MILLION


@pytest.mark.parametrize(
    ("name", "threshold_bits"), [("pdq", 30), ("pdq", 57), ("phash", 1), ("dhash", 0)]
)
def test_outside_of_the_measured_thresholds_it_says_so(name: str, threshold_bits: int) -> None:
    found = forecast(ALGORITHMS[name], threshold_bits, MILLION)
    assert found is not None
    assert found.is_extrapolated


def test_exact_hashes_have_no_forecast() -> None:
    assert forecast(ALGORITHMS["md5"], 0, MILLION) is None
