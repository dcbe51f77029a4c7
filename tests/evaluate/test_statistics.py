"""Resampling and tails against values that are known."""

from __future__ import annotations

import numpy as np
import pytest

from hashmatch.evaluate.statistics import (
    MIN_PAIRS,
    Basis,
    fit_tail,
    percentile_interval,
    resamples,
    share_up_to,
)


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    means = resamples(400, seed=7, number=2000) @ values / 400
    low, high = percentile_interval(means)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert low < values.mean() < high


def test_every_resample_draws_as_many_as_there_are() -> None:
    drawn = resamples(30, seed=3)
    assert (drawn.sum(axis=1) == 30).all()
    assert (drawn == resamples(30, seed=3)).all()
    assert (drawn != resamples(30, seed=4)).any()


def test_a_tail_that_is_straight_is_found_again() -> None:
    # Ten times as many pairs up to each ten bits more: 10 ** (bits / 10) of 10 ** 9 pairs.
    cumulative = np.round(10 ** (np.arange(100) / 10))
    counts = np.diff(cumulative, prepend=0)
    tail = fit_tail(counts, 1e9)
    assert tail is not None
    assert tail.log10_per_bit == pytest.approx(0.1, rel=0.02)
    assert tail.share(0) == pytest.approx(1e-9, rel=0.3)
    assert tail.share(-20) < tail.share(0)


def test_the_tail_of_a_curve_says_too_much_rather_than_too_little() -> None:
    # The logarithm of a normal distribution falls faster than a line.
    bits = np.arange(257)
    density = np.exp(-(((bits - 128) / 10) ** 2) / 2)
    pairs = 3e6
    counts = np.round(density / density.sum() * pairs)
    tail = fit_tail(counts, pairs)
    assert tail is not None
    true = density[:61].sum() / density.sum()
    assert tail.share(60) > true


def test_too_few_near_pairs_make_no_tail() -> None:
    counts = np.zeros(257)
    counts[128] = 1000
    assert fit_tail(counts, 1000) is None


def test_a_share_that_was_seen_is_not_extrapolated() -> None:
    counts = np.zeros(257)
    counts[[60, 128]] = MIN_PAIRS, 10_000
    share = share_up_to(60, counts, counts.sum(), None)
    assert share.value == pytest.approx(MIN_PAIRS / counts.sum())
    assert share.basis is Basis.SEEN


def test_a_share_that_nobody_saw_is_the_most_that_it_may_be() -> None:
    counts = np.zeros(257)
    counts[128] = 10_000
    share = share_up_to(31, counts, 10_000, None)
    assert share.basis is Basis.AT_MOST
    # About 3.8 in 5,000 pairs, each of which is there twice.
    assert share.value == pytest.approx(3.84 / 5000, rel=0.01)


def test_no_pairs_mean_that_anything_may_be() -> None:
    assert share_up_to(31, np.zeros(257), 0, None).value == 1.0
