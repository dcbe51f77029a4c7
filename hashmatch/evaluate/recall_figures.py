"""Figures of recall: by alteration and by group, level, algorithm and threshold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hashmatch.hashes import Level, is_match

from .alterations import CATALOGUE, Group
from .intervals import Interval, wilson
from .results import Header, Record
from .targets import NEAR_BITS, target_of

_GROUPS = {one.name: one.group for one in CATALOGUE}


@dataclass(frozen=True, slots=True)
class Recall:
    """Share of copies that were found, of one alteration or group.

    `found` counts copies of `copies`, made of `pictures`. The interval of a group is that of its
    pictures: copies of one picture are found together, and say less than as many pictures.
    """

    found: int
    upright: int
    copies: int
    pictures: int

    @property
    def share(self) -> float:
        """Return the share, from 0 to 1; 0 without copies."""
        return self.found / self.copies if self.copies else 0.0

    @property
    def upright_share(self) -> float:
        """Return the share that is found without turned and mirrored hashes."""
        return self.upright / self.copies if self.copies else 0.0

    @property
    def interval(self) -> Interval:
        """Return the interval of the share."""
        return wilson(self.share, self.pictures)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Distance up to which a copy counts as found, for one algorithm."""

    algorithm: str
    bits: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Pictures that say nothing: failures with their reason, and those of low quality."""

    failures: Mapping[str, str]
    low_quality: Mapping[str, tuple[str, ...]]


class RecallFigures:
    """Figures of the results of one measurement."""

    def __init__(self, header: Header, records: Mapping[str, Record]) -> None:
        self.header = header
        self.levels = tuple(Level(one) for one in header["levels"])
        self.left_out = _left_out(records)
        self._copies = _by_alteration(records)

    @property
    def pictures(self) -> int:
        """Return how many pictures were measured for any algorithm."""
        return max((len(one) for one in self._copies.values()), default=0)

    def has(self, algorithm: str) -> bool:
        """Say whether an algorithm was measured."""
        return algorithm in self.header["thresholds_bits"]

    def thresholds(self) -> Iterator[Threshold]:
        """Yield the thresholds of the policy, each before the wider one of near matches."""
        for name, bits in self.header["thresholds_bits"].items():
            yield Threshold(name, bits)
            if NEAR_BITS.get(name, 0) > bits:
                yield Threshold(name, NEAR_BITS[name])

    def alterations(self) -> list[str]:
        """Return the names of the alterations, in the order of the catalogue."""
        return [one for one in _GROUPS if one in self._copies]

    def groups(self) -> list[Group]:
        """Return the groups of the alterations, in their order."""
        present = {_GROUPS[one] for one in self.alterations()}
        return [one for one in Group if one in present]

    def of_alteration(self, name: str, level: Level, threshold: Threshold) -> Recall:
        """Return the recall of one alteration."""
        return self._recall((name,), level, threshold)

    def of_group(self, group: Group, level: Level, threshold: Threshold) -> Recall:
        """Return the recall of all alterations of a group."""
        names = [one for one in self.alterations() if _GROUPS[one] is group]
        return self._recall(names, level, threshold)

    def missed_targets(self, level: Level, threshold: Threshold) -> list[Group]:
        """Return the groups of which less is found than is promised."""
        return [
            group
            for group in self.groups()
            if (target := target_of(group).at(level)) is not None
            and self.of_group(group, level, threshold).share * 100 < target
        ]

    def ways(self, level: Level, threshold: Threshold) -> Counter[tuple[str, str]]:
        """Return how often each (view, orientation) was the nearest of a copy that was found."""
        nearest = self._nearest(self.alterations(), level, threshold.algorithm)
        return Counter(
            (one["view"], one["orientation"])
            for one in nearest
            if one is not None and is_match(one["bits"], threshold.bits)
        )

    def _recall(self, names: Iterable[str], level: Level, threshold: Threshold) -> Recall:
        names = tuple(names)
        nearest = list(self._nearest(names, level, threshold.algorithm))
        found = [
            one for one in nearest if one is not None and is_match(one["bits"], threshold.bits)
        ]
        upright = [
            one
            for one in found
            if one["upright_bits"] is not None and is_match(one["upright_bits"], threshold.bits)
        ]
        pictures = len(nearest) // max(1, len(names))
        return Recall(len(found), len(upright), len(nearest), pictures)

    def _nearest(
        self, names: Iterable[str], level: Level, algorithm: str
    ) -> Iterator[dict[str, Any] | None]:
        for name in names:
            for copy in self._copies[name]:
                if algorithm in copy[level]:
                    yield copy[level][algorithm]


def _by_alteration(records: Mapping[str, Record]) -> dict[str, list[dict[str, Any]]]:
    copies: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records.values():
        for name, copy in record.get("copies", {}).items():
            copies[name].append(copy)
    return dict(copies)


def _left_out(records: Mapping[str, Record]) -> LeftOut:
    failures = {name: one["detail"] for name, one in records.items() if "failure" in one}
    low = {
        name: tuple(one["low_quality"]) for name, one in records.items() if one.get("low_quality")
    }
    return LeftOut(dict(sorted(failures.items())), dict(sorted(low.items())))
