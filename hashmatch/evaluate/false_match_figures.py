"""Figures of false matches: their share at each threshold, measured and extrapolated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashes import Level

from .false_matches import Measured, Pairs, bits_of, groups_of_copies
from .statistics import (
    Basis,
    Counts,
    fit_tail,
    percentile_interval,
    resamples,
    share_up_to,
    tail_pairs,
)

ALL_KINDS = "all"
_LEAST_USEFUL = 0.75
# A picture is a hub when it is near more others than this, and than so many times the usual number.
_HUB_NEIGHBOURS = 10
_HUB_FACTOR = 10
_NEAREST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Rate:
    """Share of pairs of unrelated pictures up to a threshold, with its interval of 95 %."""

    bits: int
    share: float
    low: float
    high: float
    basis: Basis
    without_hubs: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """Distances of the pairs of one kind, at one level and by one algorithm.

    `counts` are of pairs by distance, `rates` by threshold. `hubs` have the pictures with the
    number of others near them, `nearest` some of the nearest pairs with their distance, either way
    round.
    """

    level: Level
    algorithm: str
    kind: str
    pairs: int
    smallest_bits: int | None
    counts: tuple[int, ...]
    rates: tuple[Rate, ...]
    hubs: tuple[tuple[str, int], ...]
    nearest: tuple[tuple[str, str, int], ...]

    def rate(self, bits: int) -> Rate | None:
        """Return the rate at a threshold; None where it is too wide to say anything of it."""
        return self.rates[bits] if bits < len(self.rates) else None


@dataclass(frozen=True, slots=True)
class FalseMatchFigures:
    """Figures of one measurement, and the pictures that were left out of it.

    `thresholds_bits` has by algorithm the distances that the policy sets: the threshold and the
    wider one of near matches, none where it is off.
    """

    pictures: int
    kinds: tuple[str, ...]
    distributions: tuple[Distribution, ...]
    copies: tuple[tuple[str, ...], ...]
    copies_bits: int
    thresholds_bits: Mapping[str, Sequence[int]]
    failures: Mapping[str, str]
    low_quality: tuple[str, ...]

    def of_kind(self, kind: str) -> list[Distribution]:
        """Return the distributions of a kind, by level and algorithm."""
        return [one for one in self.distributions if one.kind == kind]

    def of(self, level: Level, algorithm: str) -> Distribution | None:
        """Return the distribution of all pictures; None where it was not measured."""
        for one in self.of_kind(ALL_KINDS):
            if (one.level, one.algorithm) == (level, algorithm):
                return one
        return None

    def as_record(self) -> dict[str, Any]:
        """Return the figures as JSON takes them."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> FalseMatchFigures:
        """Return the figures of such a record."""
        distributions = tuple(
            Distribution(
                Level(one["level"]), one["algorithm"], one["kind"], one["pairs"],
                one["smallest_bits"], tuple(one["counts"]),
                tuple(Rate(**{**rate, "basis": Basis(rate["basis"])}) for rate in one["rates"]),
                tuple((name, number) for name, number in one["hubs"]),
                tuple((name, other, bits) for name, other, bits in one["nearest"]),
            )
            for one in record["distributions"]
        )  # fmt: skip
        return cls(
            record["pictures"], tuple(record["kinds"]), distributions,
            tuple(tuple(one) for one in record["copies"]), record["copies_bits"],
            record["thresholds_bits"], record["failures"], tuple(record["low_quality"]),
        )  # fmt: skip


def figures_of(
    measured: Measured,
    thresholds_bits: Mapping[str, Sequence[int]],
    *,
    copies_bits: int,
    seed: int,
) -> FalseMatchFigures:
    """Return the figures of a measurement; chance, for the intervals, comes from the seed."""
    kinds = measured.kinds
    distributions = []
    for (level, algorithm), smallest in measured.smallest.items():
        for kind in (ALL_KINDS, *kinds) if len(kinds) > 1 else (ALL_KINDS,):
            wanted = ~measured.are_copies
            np.fill_diagonal(wanted, val=False)
            if kind != ALL_KINDS:
                wanted &= measured.of_kind(kind)
            sample = _Sample.of(measured.names, smallest, wanted, bits_of(algorithm))
            distributions.append(sample.distribution(level, algorithm, kind, seed))
    return FalseMatchFigures(
        len(measured.names), kinds, tuple(distributions), tuple(groups_of_copies(measured)),
        copies_bits, dict(thresholds_bits), measured.failures, measured.low_quality,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Sample:
    """Pairs of unrelated pictures; of the near ones it is known which pictures they are.

    `near` has a row (query, entry, distance) for each pair of the tail and the thresholds.
    """

    names: tuple[str, ...]
    wanted: NDArray[np.float32]
    counts: Counts
    near: NDArray[np.int64]
    largest_bits: int

    @classmethod
    def of(
        cls, names: tuple[str, ...], smallest: NDArray[np.uint16], wanted: Pairs, largest_bits: int
    ) -> _Sample:
        counts = np.bincount(smallest[wanted], minlength=largest_bits + 1).astype(np.float64)
        # More than the tail, for resamples that have fewer near pairs.
        reach = _bits_of(counts, 5)
        queries, entries = np.nonzero(wanted & (smallest <= reach))
        near = np.stack([queries, entries, smallest[queries, entries]], axis=1).astype(np.int64)
        return cls(names, wanted.astype(np.float32), counts, near, largest_bits)

    def distribution(self, level: Level, algorithm: str, kind: str, seed: int) -> Distribution:
        hubs = self._hubs()
        ones = np.ones(len(self.names))
        without = ones.copy()
        without[[one for one, _ in hubs]] = 0
        values, bases = self._shares(ones)
        fewer, _ = self._shares(without)
        low, high = self._interval(seed)
        rates = tuple(
            Rate(bits, values[bits], min(low[bits], values[bits]), max(high[bits], values[bits]),
                 bases[bits], fewer[bits])
            for bits in range(self.largest_bits + 1)
        )  # fmt: skip
        seen = np.flatnonzero(self.counts)
        return Distribution(
            level, algorithm, kind, int(self.counts.sum()), int(seen[0]) if len(seen) else None,
            tuple(int(one) for one in self.counts), rates,
            tuple((self.names[one], number) for one, number in hubs), self._nearest(),
        )  # fmt: skip

    def _nearest(self) -> tuple[tuple[str, str, int], ...]:
        """Return the nearest pairs, each once, with the smaller of their two distances."""
        found: dict[tuple[int, int], int] = {}
        for query, entry, bits in self.near[np.argsort(self.near[:, 2], kind="stable")].tolist():
            found.setdefault((min(query, entry), max(query, entry)), bits)
            if len(found) == _NEAREST_SHOWN:
                break
        return tuple(
            (self.names[one], self.names[other], bits) for (one, other), bits in found.items()
        )

    def _hubs(self) -> list[tuple[int, int]]:
        """Return the pictures that are near too many others, with how many, the worst first."""
        in_tail = self.near[self.near[:, 2] <= _bits_of(self.counts, 1)]
        edges = {(min(pair), max(pair)) for pair in in_tail[:, :2].tolist()}
        neighbours = np.bincount(
            np.array([one for edge in edges for one in edge], np.int64), minlength=len(self.names)
        )
        least = max(_HUB_NEIGHBOURS, _HUB_FACTOR * neighbours.mean())
        found = [(one, int(number)) for one, number in enumerate(neighbours) if number > least]
        return sorted(found, key=lambda one: -one[1])

    def _shares(self, weights: Counts) -> tuple[list[float], list[Basis]]:
        """Return by threshold the share of pairs, and where it comes from.

        Each picture counts as often as its weight says.
        """
        counts, pairs = self._weighted(weights)
        tail = fit_tail(counts, pairs)
        found = [share_up_to(bits, counts, pairs, tail) for bits in range(self.largest_bits + 1)]
        # The line of the tail may be above what was seen a little farther.
        values = np.maximum.accumulate([min(1.0, one.value) for one in found])
        return values.tolist(), [one.basis for one in found]

    def _weighted(self, weights: Counts) -> tuple[Counts, float]:
        """Return the counts of pairs by distance, and of all pairs, under such weights."""
        pairs = self._pairs(weights)
        counts = self.counts
        if len(self.near) and not np.all(weights == 1):
            of_pairs = weights[self.near[:, 0]] * weights[self.near[:, 1]]
            near = np.bincount(self.near[:, 2], of_pairs, minlength=len(counts))
            # Farther pairs are too many to be counted again each time; they hardly change.
            scale = pairs / max(1.0, float(self.counts.sum()))
            reach = int(self.near[:, 2].max())
            counts = np.concatenate([near[: reach + 1], self.counts[reach + 1 :] * scale])
        return counts, pairs

    def _pairs(self, weights: Counts) -> float:
        return float(weights @ (self.wanted @ weights.astype(np.float32)))

    def _interval(self, seed: int) -> tuple[Counts, Counts]:
        """Return by threshold the interval of the share, by drawing the pictures again."""
        members = len(self.names)
        if members < 2:
            return np.zeros(self.largest_bits + 1), np.ones(self.largest_bits + 1)
        drawn = list(resamples(members, seed=seed))
        # With too few near pairs for a line, a resample says nothing of what nobody saw.
        useful = [weights for weights in drawn if fit_tail(*self._weighted(weights)) is not None]
        if len(useful) < _LEAST_USEFUL * len(drawn):
            useful = drawn
        return percentile_interval(np.array([self._shares(weights)[0] for weights in useful]))


def _bits_of(counts: Counts, tails: int) -> int:
    """Return the distance up to which there are so many times the pairs of the tail."""
    cumulative = np.cumsum(counts)
    return int(np.searchsorted(cumulative, tails * tail_pairs(float(cumulative[-1]))))
