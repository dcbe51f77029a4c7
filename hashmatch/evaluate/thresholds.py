"""Thresholds: recall against false matches, for one level and algorithm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hashmatch.errors import InputError
from hashmatch.hashes import Level

from .alterations import Group
from .false_match_figures import Distribution, FalseMatchFigures, Rate
from .recall_figures import RecallFigures, Threshold
from .targets import target_of


@dataclass(frozen=True, slots=True)
class Platform:
    """Size of a platform: entries in its lists, and images that it screens a day."""

    entries: int
    images_a_day: int

    def expected_a_day(self, share: float) -> float:
        """Return how many false matches a day such a share of pairs means."""
        return share * self.entries * self.images_a_day


@dataclass(frozen=True, slots=True)
class TradeOff:
    """One threshold: the share of copies found by group, and the rate of false matches.

    `promised` is the mean over the groups for which the level, or any level where it promises
    nothing itself, has a target.
    """

    bits: int
    recall: Mapping[Group, float]
    promised: float
    rate: Rate


def trade_offs(
    recall: RecallFigures, false_matches: FalseMatchFigures, level: Level, algorithm: str
) -> list[TradeOff]:
    """Return what each threshold finds and costs, from 0 bits up.

    Raises `InputError` where one of the measurements is not of that level and algorithm.
    """
    distribution = _distribution(recall, false_matches, level, algorithm)
    groups = recall.groups()
    counted = [one for one in groups if is_promised(one, level)] or groups
    found = []
    for rate in distribution.rates:
        threshold = Threshold(algorithm, rate.bits)
        shares = {one: recall.of_group(one, level, threshold).share for one in groups}
        promised = sum(shares[one] for one in counted) / max(1, len(counted))
        found.append(TradeOff(rate.bits, shares, promised, rate))
    return found


def _distribution(
    recall: RecallFigures, false_matches: FalseMatchFigures, level: Level, algorithm: str
) -> Distribution:
    distribution = false_matches.of(level, algorithm)
    if distribution is None or level not in recall.levels or not recall.has(algorithm):
        raise InputError(
            f"level {level} and {algorithm} were not measured by both recall and false-matches",
            hint="Measure both with the same --level and --algorithm.",
        )
    return distribution


def is_promised(group: Group, level: Level) -> bool:
    """Say whether a level promises anything of a group; plain counts as standard."""
    judged = Level.STANDARD if level is Level.PLAIN else level
    return target_of(group).at(judged) is not None


def widest_within(
    some: Sequence[TradeOff], platform: Platform, false_matches_a_day: float
) -> TradeOff | None:
    """Return the widest threshold that causes no more false matches a day than that.

    Judged by the upper end of the interval. None where not even 0 bits cause so few.
    """
    within = [one for one in some if platform.expected_a_day(one.rate.high) <= false_matches_a_day]
    return max(within, key=lambda one: one.bits, default=None)


def configuration(chosen: Mapping[str, int]) -> str:
    """Return the part of a configuration file that sets these thresholds, by algorithm."""
    lines = [f"{name} = {bits}" for name, bits in chosen.items()]
    return "\n".join(["[policy.thresholds_bits]", *lines, ""]) if chosen else ""
