"""Intervals of confidence of shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

# The quantile of the standard normal distribution for 95 %.
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """Interval that has the true value in 95 of 100 measurements."""

    low: float
    high: float


def wilson(share: float, number: float) -> Interval:
    """Return the interval of a share of `number` independent trials; from 0 to 1 for no trial.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference". The number
    need not be whole: it may be the effective one of a stratified sample.
    """
    if number <= 0:
        return Interval(0.0, 1.0)
    shrunk = 1 + _Z * _Z / number
    centre = (share + _Z * _Z / (2 * number)) / shrunk
    spread = share * (1 - share) / number + _Z * _Z / (4 * number * number)
    reach = _Z * math.sqrt(spread) / shrunk
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach))
