"""Growth of what is sampled: slopes that a few outliers do not move, and their bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_HOUR_S = 3600.0
_MOST_SAMPLES = 600


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth of one figure over a time: its slope an hour, and what that came to."""

    per_hour: float
    total: float
    span_s: float

    def is_within(self, per_hour: float, noise: float) -> bool:
        """Say whether it grows by less than a bound, or has come to less than noise."""
        return self.per_hour <= per_hour or self.total <= noise


def growth(times_s: Sequence[float], values: Sequence[float]) -> Growth:
    """Return the growth by the median of the slopes between all pairs of samples (Theil–Sen)."""
    step = max(1, len(times_s) // _MOST_SAMPLES)
    at, values_at = np.asarray(times_s[::step]), np.asarray(values[::step], np.float64)
    if len(at) < 2:
        return Growth(0.0, 0.0, 0.0)
    first, second = np.triu_indices(len(at), 1)
    apart_s = at[second] - at[first]
    apart = apart_s > 0
    slopes = (values_at[second] - values_at[first])[apart] / apart_s[apart]
    slope, span_s = float(np.median(slopes)), float(at[-1] - at[0])
    return Growth(slope * _HOUR_S, slope * span_s, span_s)
