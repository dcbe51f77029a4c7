"""Figures of recall: by alteration and by group, level, algorithm and threshold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hashmatch.hashes import Level, is_match

from .alterations import CATALOGUE, Group
from .intervals import Interval, wilson
from .results import Header, Record
from .targets import target_of

_GROUPS = {one.name: one.group for one in CATALOGUE}
_Nearest: TypeAlias = Mapping[str, Any]
# The nearest of any hash, and of those that a scan looks up farther, as the results have them.
_Copy: TypeAlias = Mapping[str, _Nearest]


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
    """Distance up to which a copy counts as found, for one algorithm.

    With `review_bits`, near copies count, too: those of which a hash that a scan looks up farther
    is within so many bits.
    """

    algorithm: str
    bits: int
    review_bits: int | None = None

    def nearest(self, copy: _Copy) -> _Nearest | None:
        """Return what of a copy makes it count as found; None where nothing does."""
        if is_match(copy["any"]["bits"], self.bits):
            return copy["any"]
        if self.review_bits is not None and is_match(copy["wide"]["bits"], self.review_bits):
            return copy["wide"]
        return None

    def is_upright(self, copy: _Copy) -> bool:
        """Say whether a copy would be found without turned and mirrored hashes."""
        limits = {"any": self.bits, "wide": self.review_bits}
        return any(
            limit is not None and (bits := copy[kind]["upright_bits"]) is not None
            and is_match(bits, limit)
            for kind, limit in limits.items()
        )  # fmt: skip


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
        """Yield the thresholds of the policy, each before the same with near matches."""
        for name, bits in self.header["thresholds_bits"].items():
            if bits is None:
                continue
            yield Threshold(name, bits)
            if (review_bits := self.header["review_bits"][name]) is not None:
                yield Threshold(name, bits, review_bits)

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
        return self._recall(self._names(group), level, threshold)

    def missed_targets(self, level: Level, threshold: Threshold) -> list[Group]:
        """Return the groups of which less is found than is promised."""
        return [
            group
            for group in self.groups()
            if (target := target_of(group).at(level)) is not None
            and self.of_group(group, level, threshold).share * 100 < target
        ]

    def ways(
        self, level: Level, threshold: Threshold, group: Group | None = None
    ) -> Counter[tuple[str, str]]:
        """Return how often each (view, orientation) was the nearest of a copy that was found.

        Of all alterations, or of those of a group.
        """
        copies = self._copies_of(self._names(group), level, threshold.algorithm)
        nearest = (threshold.nearest(one) for one in copies if one is not None)
        return Counter((one["view"], one["orientation"]) for one in nearest if one is not None)

    def _names(self, group: Group | None) -> list[str]:
        return [one for one in self.alterations() if group is None or _GROUPS[one] is group]

    def _recall(self, names: Collection[str], level: Level, threshold: Threshold) -> Recall:
        copies = list(self._copies_of(names, level, threshold.algorithm))
        found = [one for one in copies if one is not None and threshold.nearest(one) is not None]
        upright = sum(threshold.is_upright(one) for one in found)
        return Recall(len(found), upright, len(copies), len(copies) // max(1, len(names)))

    def _copies_of(
        self, names: Iterable[str], level: Level, algorithm: str
    ) -> Iterator[_Copy | None]:
        """Yield each copy of alterations; None for one of which nothing can be looked up."""
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
