"""Shares with their intervals of confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

# The quantile of the normal distribution for 95 %.
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Share:
    """A share between 0 and 1, and the ends of its interval of 95 %."""

    share: float
    low: float
    high: float


def wilson(share: float, number: float) -> Share | None:
    """Return Wilson's interval of a share of `number` independent trials; None for no trial.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference". The number
    need not be whole: it may be the effective one of a stratified sample.
    """
    if number <= 0:
        return None
    shrunk = 1 + _Z * _Z / number
    centre = (share + _Z * _Z / (2 * number)) / shrunk
    spread = share * (1 - share) / number + _Z * _Z / (4 * number * number)
    reach = _Z * math.sqrt(spread) / shrunk
    return Share(share, max(0.0, centre - reach), min(1.0, centre + reach))
