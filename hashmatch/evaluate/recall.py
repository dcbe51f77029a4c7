"""Recall: the share of altered copies of pictures that a search at each level finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hashmatch._version import __version__
from hashmatch.hashers import ALGORITHMS, PIXEL_HASHERS
from hashmatch.hashes import Hash, Level, Orientation
from hashmatch.imaging import Hashing, InProcessIntake, Limits
from hashmatch.outcome import Failure
from hashmatch.policy import Policy
from hashmatch.wide import choose_wide

from .alterations import (
    CATALOGUE,
    CATALOGUE_VERSION,
    Alteration,
    Group,
    Surroundings,
)
from .distances import distances, words_of
from .pictures import number_of, open_picture
from .results import Header, Record, Results
from .running import run_over

# Other pictures of the folder that may stand beside the altered one.
_COMPANIONS = 3


@dataclass(frozen=True, slots=True)
class RecallPlan:
    """One measurement of recall: where, how, and from which seed.

    `names` are all pictures of the folder, some of which stand beside others in collages.
    """

    folder: Path
    names: tuple[str, ...]
    levels: tuple[Level, ...]
    algorithms: tuple[str, ...]
    seed: int
    limits: Limits
    hashing: Hashing
    policy: Policy
    groups: tuple[Group, ...] = tuple(Group)

    @property
    def alterations(self) -> list[Alteration]:
        """Return the alterations to measure."""
        return [one for one in CATALOGUE if one.group in self.groups]

    def header(self) -> Header:
        """Return what results have to share to be of one measurement."""
        return {
            "kind": "recall",
            "version": __version__,
            "catalogue_version": CATALOGUE_VERSION,
            "groups": list(self.groups),
            "seed": self.seed,
            "levels": list(self.levels),
            "orientations": self.hashing.orientations,
            "algorithms": {name: ALGORITHMS[name].version for name in self.algorithms},
            # No list has this name, and so the general distances are meant.
            "thresholds_bits": {
                name: self.policy.threshold_bits("", ALGORITHMS[name]) for name in self.algorithms
            },
            "review_bits": {
                name: self.policy.review_bits("", ALGORITHMS[name]) for name in self.algorithms
            },
        }


def measure_recall(
    plan: RecallPlan, results: Results, *, workers: int, advance: Callable[[], None]
) -> None:
    """Measure every picture whose result is not there yet.

    `advance` is called after each. Raises `InputError` where a process ends early.
    """
    wanted = [name for name in plan.names if name not in results.records]
    for name, record in run_over(partial(_measure, plan), wanted, workers):
        results.add(name, record)
        advance()


def _measure(plan: RecallPlan, name: str) -> Record:
    base = open_picture(plan.folder / name)
    if isinstance(base, Failure):
        return {"failure": base.reason, "detail": base.detail}
    entries = {
        one.algorithm.name: one.hash_pixels(base)
        for one in PIXEL_HASHERS
        if one.algorithm.name in plan.algorithms
    }
    low = [one for one, entry in entries.items() if plan.policy.is_low_quality(entry)]
    comparable = {one: entry for one, entry in entries.items() if one not in low}
    copies = {}
    if comparable:
        companions = _companions(plan, name)
        copies = {
            one.name: _measure_copy(plan, _copy(plan, name, base, companions, one), comparable)
            for one in plan.alterations
        }
    return {"low_quality": low, "copies": copies}


def _companions(plan: RecallPlan, name: str) -> list[Image.Image]:
    """Return some other pictures of the folder; none where there are none."""
    others = [one for one in plan.names if one != name]
    generator = np.random.default_rng((plan.seed, number_of(name)))
    chosen = generator.permutation(len(others))[:_COMPANIONS]
    opened = [open_picture(plan.folder / others[one]) for one in chosen]
    return [one for one in opened if not isinstance(one, Failure)]


def _copy(
    plan: RecallPlan,
    name: str,
    base: Image.Image,
    companions: Sequence[Image.Image],
    alteration: Alteration,
) -> bytes:
    # From the names, so that neither order nor number of processes changes anything.
    seed = (plan.seed, number_of(name), number_of(alteration.name))
    return alteration.alter(base, Surroundings(np.random.default_rng(seed), companions))


def _measure_copy(plan: RecallPlan, data: bytes, entries: dict[str, Hash]) -> dict[str, Any]:
    """Return by level and algorithm how near the nearest hashes of a copy are."""
    intake = InProcessIntake(plan.limits, plan.hashing)
    found: dict[str, Any] = {}
    for level in plan.levels:
        reading = intake.read(data, set(entries), level)
        hashes = [one for one in reading.hashes if not plan.policy.is_low_quality(one)]
        found[level] = {
            name: distances_of([one for one in hashes if one.algorithm.name == name], entry)
            for name, entry in entries.items()
        }
    return found


def distances_of(hashes: Sequence[Hash], entry: Hash) -> dict[str, Any] | None:
    """Return the nearest of the hashes, and of those that a scan looks up farther; None for none.

    The scan decides by these two: all are looked up as far as the threshold.
    """
    if not hashes:
        return None
    wide = [hashes[place] for place in sorted(choose_wide(hashes))]
    return {"any": _nearest(hashes, entry), "wide": _nearest(wide, entry)}


def _nearest(hashes: Sequence[Hash], entry: Hash) -> dict[str, Any]:
    """Return the nearest of the hashes, and the distance of those that are upright."""
    bits = distances(words_of([entry.value])[0], words_of([one.value for one in hashes]))
    nearest = hashes[int(bits.argmin())]
    upright = [
        int(one)
        for one, found in zip(bits, hashes, strict=True)
        if found.orientation is Orientation.ORIGINAL
    ]
    return {
        "bits": int(bits.min()),
        "upright_bits": min(upright, default=None),
        "view": nearest.view,
        "orientation": nearest.orientation,
    }
