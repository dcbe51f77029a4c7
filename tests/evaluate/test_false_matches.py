"""False matches: copies, hubs and kinds, and what is expected a day."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from hashmatch.evaluate import FalseMatchFigures, Platform, figures_of
from hashmatch.evaluate.false_matches import Measured, groups_of_copies
from hashmatch.evaluate.statistics import Basis
from hashmatch.hashes import Level

PICTURES = 120


def _measured(
    smallest: NDArray[np.uint16], copies: tuple[tuple[int, int], ...] = (), folders: int = 1
) -> Measured:
    are_copies = np.zeros(smallest.shape, np.bool_)
    for one, other in copies:
        are_copies[one, other] = are_copies[other, one] = True
    names = tuple(
        f"k{number % folders}/{number:03}.png" if folders > 1 else f"{number:03}.png"
        for number in range(len(smallest))
    )
    return Measured(names, {(Level.PLAIN, "pdq"): smallest}, are_copies, {}, ())


def _distances(seed: int = 1) -> NDArray[np.uint16]:
    """Return distances as those of unrelated pictures are: about 128 bits."""
    drawn = np.random.default_rng(seed).normal(128, 10, (PICTURES, PICTURES))
    return np.clip(drawn, 70, 200).astype(np.uint16)


def _figures(measured: Measured) -> FalseMatchFigures:
    return figures_of(measured, {"pdq": [31, 40]}, copies_bits=40, seed=1)


def test_each_ordered_pair_counts_once() -> None:
    figures = _figures(_measured(_distances()))
    (one,) = figures.distributions
    assert one.pairs == PICTURES * (PICTURES - 1) == sum(one.counts)


def test_copies_are_no_false_matches() -> None:
    smallest = _distances()
    smallest[3, 4] = smallest[4, 3] = 0
    with_copy = _figures(_measured(smallest, copies=((3, 4),)))
    (one,) = with_copy.distributions
    assert one.smallest_bits is not None
    assert one.smallest_bits >= 70
    assert with_copy.copies == (("003.png", "004.png"),)
    (counted,) = _figures(_measured(smallest)).distributions
    assert counted.smallest_bits == 0


def test_copies_of_copies_are_one_group() -> None:
    measured = _measured(_distances(), copies=((1, 2), (2, 9), (5, 6)))
    assert groups_of_copies(measured) == [("001.png", "002.png", "009.png"), ("005.png", "006.png")]


def test_a_picture_near_many_others_is_a_hub() -> None:
    smallest = _distances()
    smallest[7, :60] = smallest[:60, 7] = 75
    (one,) = _figures(_measured(smallest)).distributions
    assert [name for name, _ in one.hubs] == ["007.png"]
    rate = one.rate(76)
    assert rate is not None
    assert rate.without_hubs < rate.share / 5


def test_the_nearest_pairs_are_named_once() -> None:
    smallest = _distances()
    smallest[3, 4], smallest[4, 3] = 50, 52
    (one,) = _figures(_measured(smallest)).distributions
    assert one.nearest[0] == ("003.png", "004.png", 50)
    assert len({frozenset(pair[:2]) for pair in one.nearest}) == len(one.nearest) == 20


def test_rates_rise_with_the_threshold_and_lie_in_their_intervals() -> None:
    (one,) = _figures(_measured(_distances())).distributions
    shares = [rate.share for rate in one.rates]
    assert shares == sorted(shares)
    assert all(rate.low <= rate.share <= rate.high for rate in one.rates)
    assert one.rates[31].basis is Basis.EXTRAPOLATED
    assert one.rates[96].basis is Basis.SEEN


def test_kinds_are_subfolders_and_compared_among_themselves() -> None:
    figures = _figures(_measured(_distances(), folders=3))
    assert figures.kinds == ("k0", "k1", "k2")
    (one,) = figures.of_kind("k1")
    assert one.pairs == 40 * 39


def test_figures_survive_json() -> None:
    figures = _figures(_measured(_distances(), copies=((1, 2),), folders=2))
    record = json.loads(json.dumps(figures.as_record()))
    assert FalseMatchFigures.from_record(record) == figures


def test_two_pictures_are_enough_to_say_how_little_is_known() -> None:
    smallest = np.array([[0, 120], [120, 0]], np.uint16)
    (one,) = _figures(_measured(smallest)).distributions
    rate = one.rate(31)
    assert rate is not None
    assert rate.high > 0.5


@pytest.mark.parametrize(("entries", "images"), [(1, 1), (10**6, 10**6)])
def test_expected_false_matches_are_pairs_times_share(entries: int, images: int) -> None:
    assert Platform(entries, images).expected_a_day(1e-9) == pytest.approx(1e-9 * entries * images)
