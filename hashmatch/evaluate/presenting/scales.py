"""Scales of charts: from values to places, with round numbers beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .interface import Curves

# Less than this is not drawn: nobody waits for it.
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Scale:
    """Scale from `low` to `high`, which are powers of ten on a logarithmic one."""

    low: float
    high: float
    is_log: bool

    @classmethod
    def over(cls, values: Iterable[float], *, is_log: bool) -> Scale:
        """Return a scale that has all the values."""
        if not is_log:
            numbers = list(values)
            return cls(min(numbers, default=0.0), max([*numbers, 1.0]), is_log)
        drawn = [max(one, _SMALLEST) for one in values if one > 0]
        low = math.floor(math.log10(min(drawn, default=0.1)))
        high = math.ceil(math.log10(max(drawn, default=1.0)))
        return cls(10.0**low, 10.0 ** max(high, low + 1), is_log)

    def place(self, value: float) -> float:
        """Return where a value is, from 0 at the low end to 1."""
        if self.is_log:
            value = max(value, self.low)
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low or 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Return at most some seven values to name, with their names."""
        if self.is_log:
            lowest, highest = round(math.log10(self.low)), round(math.log10(self.high))
            powers = range(lowest, highest + 1, max(1, math.ceil((highest - lowest) / 6)))
            return [(10.0**power, _power(power)) for power in powers]
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step)
        values = [one * step for one in range(first, math.floor(self.high / step) + 1)]
        return [(value, f"{value:g}") for value in values]


def scales_of(chart: Curves) -> tuple[Scale, Scale]:
    """Return the scales of x and of y."""
    points = [
        *(one for curve in chart.curves for one in (*curve.points, *curve.extrapolated)),
        *((x, y) for curve in chart.curves for x, *both in curve.band for y in both),
    ]
    x = Scale.over([*(one[0] for one in points), *chart.marks], is_log=chart.is_log_x)
    if chart.is_percent_y:
        return x, Scale(0, 100, is_log=False)
    return x, Scale.over((one[1] for one in points), is_log=chart.is_log_y)


def _power(power: int) -> str:
    if -3 <= power <= 3:
        return f"{10.0**power:g}"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _round_step(step: float) -> float:
    """Return a round number that is about as large: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(one * power for one in (1, 2, 5, 10) if one * power >= step * 0.99)
