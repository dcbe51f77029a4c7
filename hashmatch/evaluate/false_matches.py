"""False matches: distances between pictures that have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, Level, View
from hashmatch.imaging import Hashing, InProcessIntake, Limits, read_file
from hashmatch.outcome import Failure
from hashmatch.policy import Policy

from .distances import Distances, Words, smallest_distances, words_of
from .pictures import kind_of
from .running import run_over

Pairs: TypeAlias = NDArray[np.bool_]
# Pictures are copies of each other up to this distance by this algorithm.
COPIES_ALGORITHM = "pdq"
COPIES_BITS = 40


@dataclass(frozen=True, slots=True)
class FalseMatchPlan:
    """One measurement of false matches: where, and how."""

    folder: Path
    names: tuple[str, ...]
    levels: tuple[Level, ...]
    algorithms: tuple[str, ...]
    limits: Limits
    hashing: Hashing
    policy: Policy
    copies_bits: int = COPIES_BITS

    def thresholds_bits(self) -> dict[str, list[int]]:
        """Return by algorithm the threshold and the wider distance of the policy, as it has any."""
        # No list has this name, and so the general distances are meant.
        found = {
            name: (
                self.policy.threshold_bits("", ALGORITHMS[name]),
                self.policy.review_bits("", ALGORITHMS[name]),
            )
            for name in self.algorithms
        }
        return {name: [one for one in some if one is not None] for name, some in found.items()}


@dataclass(frozen=True, slots=True)
class _Hashes:
    """Hash values of one picture in memory: its entry by algorithm, its views by level, too."""

    entries: Mapping[str, bytes]
    views: Mapping[tuple[Level, str], Words]


@dataclass(frozen=True, slots=True)
class Measured:
    """Smallest distances between pictures, which are in the order of `names`.

    `smallest` has by level and algorithm an array of shape (queries, entries); the diagonal means
    nothing. `are_copies` are the pairs that are taken for the same picture, or of one template, and
    so are no false matches. `failures` and `low_quality` name the pictures left out.
    """

    names: tuple[str, ...]
    smallest: Mapping[tuple[Level, str], Distances]
    are_copies: Pairs
    failures: Mapping[str, str]
    low_quality: tuple[str, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of the pictures, in order."""
        return tuple(sorted({kind_of(name) for name in self.names}))

    def of_kind(self, kind: str) -> Pairs:
        """Return the pairs of which both pictures are of a kind."""
        is_of_it = np.array([kind_of(name) == kind for name in self.names])
        pairs: Pairs = is_of_it[:, None] & is_of_it[None, :]
        return pairs


def measure_false_matches(
    plan: FalseMatchPlan, *, workers: int, advance: Callable[[], None]
) -> Measured:
    """Hash every picture, and compare the views of each with the entry of each other one.

    `advance` is called after each picture. Raises `InputError` where a process ends early. Hash
    values stay in memory.
    """
    hashed: dict[str, _Hashes] = {}
    failures: dict[str, str] = {}
    low: list[str] = []
    for name, result in run_over(partial(_hash, plan), plan.names, workers):
        if isinstance(result, Failure):
            failures[name] = result.detail
        elif result.entries.keys() < set(plan.algorithms):
            low.append(name)
        else:
            hashed[name] = result
        advance()
    names = tuple(one for one in plan.names if one in hashed)
    smallest = {
        (level, algorithm): _compare([hashed[one] for one in names], level, algorithm)
        for level in plan.levels
        for algorithm in plan.algorithms
    }
    return Measured(
        names, smallest, _copies(plan, names, smallest), dict(sorted(failures.items())),
        tuple(sorted(low)),
    )  # fmt: skip


def _hash(plan: FalseMatchPlan, name: str) -> _Hashes | Failure:
    data = read_file(plan.folder / name, plan.limits.max_bytes)
    if isinstance(data, Failure):
        return data
    views: dict[tuple[Level, str], Words] = {}
    # A list's owner hashes the picture as it is, whatever is looked up afterwards.
    plain = InProcessIntake(plan.limits, Hashing(plan.hashing.decode)).read(
        data, set(plan.algorithms), Level.PLAIN
    )
    if plain.failure is not None:
        return plain.failure
    entries = {
        one.algorithm.name: one.value
        for one in reversed(plain.hashes)
        if one.view is View.FULL and one.frame == 0 and not plan.policy.is_low_quality(one)
    }
    if entries.keys() < set(plan.algorithms):
        return _Hashes(entries, views)
    intake = InProcessIntake(plan.limits, plan.hashing)
    for level in plan.levels:
        reading = intake.read(data, set(plan.algorithms), level)
        for name in plan.algorithms:
            views[level, name] = words_of(_comparable(plan, reading.hashes, name))
    return _Hashes(entries, views)


def _comparable(plan: FalseMatchPlan, hashes: tuple[Hash, ...], algorithm: str) -> list[bytes]:
    """Return the different values of an algorithm that would be looked up."""
    some = (one for one in hashes if one.algorithm.name == algorithm)
    return sorted({one.value for one in some if not plan.policy.is_low_quality(one)})


def _compare(hashed: list[_Hashes], level: Level, algorithm: str) -> Distances:
    if not hashed:
        return np.zeros((0, 0), np.uint16)
    entries = words_of([one.entries[algorithm] for one in hashed])
    return np.stack([smallest_distances(one.views[level, algorithm], entries) for one in hashed])


def _copies(
    plan: FalseMatchPlan, names: tuple[str, ...], smallest: Mapping[tuple[Level, str], Distances]
) -> Pairs:
    """Return the pairs that are near in either direction, at any level."""
    near = np.zeros((len(names), len(names)), np.bool_)
    for (_, algorithm), distances in smallest.items():
        if algorithm == COPIES_ALGORITHM:
            near |= distances <= plan.copies_bits
    near |= near.T
    np.fill_diagonal(near, val=False)
    return near


def groups_of_copies(measured: Measured) -> list[tuple[str, ...]]:
    """Return the pictures that are taken for copies of each other, the largest groups first."""
    unseen = set(range(len(measured.names)))
    groups = []
    while unseen:
        waiting = [unseen.pop()]
        group = []
        while waiting:
            current = waiting.pop()
            group.append(current)
            near = set(np.flatnonzero(measured.are_copies[current]).tolist()) & unseen
            unseen -= near
            waiting.extend(near)
        if len(group) > 1:
            groups.append(tuple(measured.names[one] for one in sorted(group)))
    return sorted(groups, key=lambda one: (-len(one), one))


def bits_of(algorithm: str) -> int:
    """Return the largest distance of an algorithm whose share is of interest.

    Beyond it, unrelated pictures are about as near as others.
    """
    return ALGORITHMS[algorithm].bits * 3 // 8
