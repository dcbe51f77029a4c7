"""Forecast of false matches: how many a list leads to, from its size and threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hashmatch.hashes import Algorithm

# (threshold in bits, false matches)
_Point: TypeAlias = tuple[int, float]

# False matches expected of a million images with a list of a million hashes, in ascending order.
# Measured on 1,811 distinct photographs of seven public sets, near-duplicates removed by eye, which
# are 1.64 million pairs of unrelated ones; docs/concepts/policy.md has the method. The values of
# PDQ are its log-linear tail, that at 31 an upper bound. Normal and beta-binomial distributions
# understate the tails of the 64-bit hashes by 10 to 600 times.
_MEASURED: dict[str, Sequence[_Point]] = {
    "pdq": ((31, 1e-5), (40, 5e-4), (48, 0.02), (56, 0.8)),
    "phash": ((2, 800.0), (8, 1e5)),
    "dhash": ((6, 4e6),),
    "whash": ((4, 1e8),),
    "ahash": ((4, 1e8),),
}
_MEASURED_HASHES = 1_000_000
_IMAGES = 1_000_000
# Of pHash, for the algorithms that were measured at one threshold only.
_USUAL_DECADES_A_BIT = 0.35


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected number of false matches of a million images, each of which matches one entry.

    `is_extrapolated` says that the threshold is outside of the measured ones.
    """

    false_matches: float
    is_extrapolated: bool


def forecast(algorithm: Algorithm, threshold_bits: int, hashes: int) -> Forecast | None:
    """Return the false matches to expect of a list of so many distinct hashes.

    For one hash of each image: every orientation or other view that is looked up adds as many
    again. Between measured thresholds it is interpolated log-linearly. None for an algorithm that
    was not measured.
    """
    points = _MEASURED.get(algorithm.name)
    if points is None:
        return None
    of_list = 10 ** _decades(points, threshold_bits) * hashes / _MEASURED_HASHES
    is_measured = points[0][0] <= threshold_bits <= points[-1][0]
    # No image matches more entries than there are.
    return Forecast(min(of_list, float(hashes) * _IMAGES), not is_measured)


def _decades(points: Sequence[_Point], threshold_bits: int) -> float:
    """Return the decimal logarithm of the false matches at a threshold."""
    if len(points) == 1:
        bits, measured = points[0]
        # At fewer bits there are at most as many: the nearest pairs of photographs are equal.
        return math.log10(measured) + _USUAL_DECADES_A_BIT * max(0, threshold_bits - bits)
    # Outside of the measured thresholds the line through the two nearest ones goes on.
    place = next(
        (place for place in range(1, len(points)) if threshold_bits <= points[place][0]),
        len(points) - 1,
    )
    (low_bits, low), (high_bits, high) = points[place - 1], points[place]
    slope = math.log10(high / low) / (high_bits - low_bits)
    return math.log10(low) + slope * (threshold_bits - low_bits)
