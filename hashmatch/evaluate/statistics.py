"""Statistics of rare events: resampling, and the tail of distances."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .intervals import wilson

Counts: TypeAlias = NDArray[np.float64]

# The tail is the nearest 0.01 % of pairs; of few pairs it is the nearest 200, or 2 % of them. Over
# 7 million pairs of photographs, the line through 0.1 % of them promised a quarter of the false
# matches: the very nearest are nearer than the rest lets one expect.
_TAIL_SHARE, _TAIL_PAIRS, _SHARE_OF_FEW = 1e-4, 200, 0.02
# Each pair is there in both orders, so that these are five that were seen.
MIN_PAIRS = 10
_MIN_POINTS = 3


def resamples(members: int, *, seed: int, number: int = 200) -> NDArray[np.float64]:
    """Return for each resample of a bootstrap how often each member was drawn.

    Each draws as many members as there are, with repetition; the shape is (number, members).
    """
    chances = np.full(members, 1 / members)
    drawn = np.random.default_rng(seed).multinomial(members, chances, number)
    return drawn.astype(np.float64)


def percentile_interval(values: NDArray[np.float64]) -> tuple[Counts, Counts]:
    """Return the low and high ends of the intervals of figures, one row a resample."""
    low, high = np.quantile(values, (0.025, 0.975), axis=0)
    return low, high


@dataclass(frozen=True, slots=True)
class Tail:
    """Straight line through the logarithm of the share of pairs up to each distance."""

    log10_at_zero: float
    log10_per_bit: float

    def share(self, bits: int) -> float:
        """Return the share of pairs at that distance or nearer; at most 1."""
        return float(10 ** min(0.0, self.log10_at_zero + self.log10_per_bit * bits))


def tail_pairs(pairs: float) -> float:
    """Return how many of the nearest pairs are the tail."""
    return max(pairs * _TAIL_SHARE, min(_TAIL_PAIRS, pairs * _SHARE_OF_FEW))


def fit_tail(counts: Counts, pairs: float) -> Tail | None:
    """Return the line through the nearest pairs; None where too few are near to draw one.

    `counts` are of pairs by distance in bits. Distances of independent bits fall off faster than
    such a line, so that it says too many false matches of them rather than too few.
    """
    cumulative = np.cumsum(counts)
    bits = np.flatnonzero((cumulative >= MIN_PAIRS) & (cumulative <= tail_pairs(pairs)))
    # Where no pair has a distance, as with an odd one of pHash, the share says nothing new.
    bits = bits[counts[bits] > 0]
    if len(bits) < _MIN_POINTS:
        return None
    weights = np.sqrt(cumulative[bits])
    slope, start = np.polyfit(bits, np.log10(cumulative[bits] / pairs), 1, w=weights)
    return Tail(float(start), float(slope)) if slope > 0 else None


class Basis(StrEnum):
    """Where a share of pairs comes from."""

    SEEN = "seen"  # at least `MIN_PAIRS` were so near
    EXTRAPOLATED = "extrapolated"  # along the tail
    AT_MOST = "at most"  # as much as none or few may mean, where there is no tail


@dataclass(frozen=True, slots=True)
class Share:
    """Share of pairs of unrelated pictures up to a distance, and where it comes from."""

    value: float
    basis: Basis


def share_up_to(bits: int, counts: Counts, pairs: float, tail: Tail | None) -> Share:
    """Return the share of pairs at that distance or nearer; `counts` are of pairs by distance."""
    if pairs == 0:
        return Share(1.0, Basis.AT_MOST)
    seen = float(counts[: bits + 1].sum())
    if seen >= MIN_PAIRS:
        return Share(seen / pairs, Basis.SEEN)
    if tail is not None:
        return Share(max(seen / pairs, tail.share(bits)), Basis.EXTRAPOLATED)
    # Each pair is there in both orders.
    return Share(wilson(seen / pairs, pairs / 2).high, Basis.AT_MOST)
