"""Reach of lists under a policy: hashes that are matched, those that are not, false matches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hashmatch.forecast import Forecast, forecast
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind
from hashmatch.policy import Policy
from hashmatch.store.lists import ListState, count_distinct_hashes, count_entries_without


@dataclass(frozen=True, slots=True)
class AlgorithmReach:
    """Threshold of an algorithm for a list, and its forecast, None where it was not measured.

    So are `review_bits`, up to which entries are near, and the forecast for them; both are None
    where nothing is near.
    """

    threshold_bits: int
    forecast: Forecast | None
    review_bits: int | None = None
    near_forecast: Forecast | None = None


@dataclass(frozen=True, slots=True)
class ListReach:
    """Part of a list that is matched.

    `perceptual` has the perceptual and vector algorithms that it is matched by. `not_matched`
    counts its hashes of other algorithms, and `entries_not_matched` entries with such hashes alone.
    """

    perceptual: Mapping[str, AlgorithmReach]
    not_matched: Mapping[str, int]
    entries_not_matched: int
    is_matched: bool

    @property
    def forecast(self) -> Forecast:
        """Return the sum of the forecasts of all its algorithms that were measured."""
        return _sum(one.forecast for one in self.perceptual.values())

    @property
    def near_forecast(self) -> Forecast:
        """Return the same of what is near."""
        return _sum(one.near_forecast for one in self.perceptual.values())


def reach_of_list(
    session: Session, policy: Policy, one: ListState, counts: Mapping[str, int]
) -> ListReach:
    """Return the reach of a list with so many active entries by algorithm."""
    thresholds = {
        name: policy.threshold_bits(one.name, ALGORITHMS[name])
        for name in counts
        if name in ALGORITHMS
    }
    matched = [name for name, bits in thresholds.items() if bits is not None]
    not_matched = {name: counts[name] for name, bits in thresholds.items() if bits is None}
    perceptual = {
        name: _reach_of(session, policy, one, name, bits)
        for name, bits in thresholds.items()
        if bits is not None and ALGORITHMS[name].kind is not Kind.EXACT
    }
    without = count_entries_without(session, one.key, matched) if not_matched else 0
    return ListReach(perceptual, not_matched, without, is_matched=bool(matched))


def _reach_of(
    session: Session, policy: Policy, one: ListState, name: str, threshold_bits: int
) -> AlgorithmReach:
    algorithm, hashes = ALGORITHMS[name], count_distinct_hashes(session, one.key, name)
    review_bits = policy.review_bits(one.name, algorithm)
    return AlgorithmReach(
        threshold_bits,
        forecast(algorithm, threshold_bits, hashes),
        review_bits,
        None if review_bits is None else forecast(algorithm, review_bits, hashes),
    )


def _sum(forecasts: Iterable[Forecast | None]) -> Forecast:
    known = [one for one in forecasts if one is not None]
    return Forecast(
        sum(one.false_matches for one in known), any(one.is_extrapolated for one in known)
    )


def forecast_words(found: Forecast | None, not_measured: Collection[str] = ()) -> str:
    """Return a forecast in words, such as "800 (extrapolated), fields not measured"."""
    words = [] if found is None else [_words(found)]
    return ", ".join([*words, *(f"{name} not measured" for name in not_measured)])


def _words(found: Forecast) -> str:
    return _rounded(found.false_matches) + (" (extrapolated)" if found.is_extrapolated else "")


def _rounded(number: float) -> str:
    """Return a number to two digits, which is all that a forecast is good for."""
    if number < 0.001:
        return "under 0.001"
    return f"{float(f'{number:.1e}'):,.0f}" if number >= 10 else f"{number:.2g}"
