"""Readings: of files, and of hashes that were computed elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

from PIL import Image

from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.hashes import FILE_HASH, Hash, Level, Orientation, View
from hashmatch.imaging import Intake, Reading
from hashmatch.outcome import Failure, Reason

# The algorithms that hash what is seen, and not the bytes of a file.
PIXELS = frozenset(one.algorithm.name for one in PIXEL_HASHERS)
# What is shown of a picture: algorithm, frame, orientation, view and rendering.
_Place: TypeAlias = tuple[str, int, Orientation, View, int]


def read_upload(
    intake: Intake, data: bytes, algorithms: Set[str], level: Level | None = None
) -> Reading:
    """Read a file; a reading that lacks a hash of any algorithm is a failed one."""
    # The file's own hash tells two contents of one content id apart, and allow lists name it.
    wanted = algorithms | {FILE_HASH}
    return _complete(intake.read(data, wanted, level), wanted)


def read_shown(
    intake: Intake,
    pictures: Sequence[Image.Image],
    matched: Set[str],
    level: Level | None = None,
) -> list[Reading]:
    """Read pictures that are in memory, several at a time.

    A reading that lacks a hash of an algorithm that hashes pixels is a failed one.
    """
    wanted = matched & PIXELS
    if not wanted:
        return [Reading(None, (), no_list_of(PIXELS))] * len(pictures)

    def read(picture: Image.Image) -> Reading:
        return _complete(intake.read_picture(picture, wanted, level), wanted)

    if len(pictures) == 1:
        return [read(pictures[0])]
    with ThreadPoolExecutor(min(len(pictures), os.cpu_count() or 1)) as threads:
        return list(threads.map(read, pictures))


def _complete(reading: Reading, wanted: Set[str]) -> Reading:
    """Return a reading, a failed one where a hash of one of these algorithms is missing."""
    missing = wanted - {one.algorithm.name for one in reading.hashes if one.view is View.FULL}
    if reading.failure is None and missing:
        detail = f"the intake gave no hash of {', '.join(sorted(missing))}"
        return replace(reading, failure=Failure(Reason.DECODER_CRASHED, detail))
    return reading


def read_hashes(matched: Set[str], hashes: tuple[Hash, ...]) -> Reading:
    """Return hashes from elsewhere as a reading, a failed one where none is of these algorithms."""
    names = {one.algorithm.name for one in hashes}
    return Reading(None, _apart(hashes), None if names & matched else no_list_of(names))


def _apart(hashes: tuple[Hash, ...]) -> tuple[Hash, ...]:
    """Return hashes of which no two stand for the same rendering, unless they are equal.

    Nobody says how hashes of one algorithm belong together: each has to be compared by itself, and
    one of low quality is not made good by another.
    """
    if len(hashes) == 1:
        return hashes
    free = max((one.rendering for one in hashes), default=0) + 1
    renderings = dict[_Place, dict[bytes, int]]()
    apart = []
    for number, one in enumerate(hashes):
        place = one.algorithm.name, one.frame, one.orientation, one.view, one.rendering
        known = renderings.setdefault(place, {})
        rendering = known.setdefault(one.value, free + number if known else one.rendering)
        apart.append(one if rendering == one.rendering else replace(one, rendering=rendering))
    return tuple(apart)


def no_list_of(algorithms: Set[str]) -> Failure:
    """Return that hashes of these algorithms prove nothing, since no list is matched by any."""
    names = ", ".join(sorted(algorithms)) or "no hash"
    return Failure(Reason.NO_ACTIVE_LIST, f"no list is matched by hashes of this kind: {names}")


def is_no_image(reading: Reading) -> bool:
    """Say whether the file is none that is decoded here, such as a video."""
    return reading.failure is not None and reading.failure.reason is Reason.UNSUPPORTED


def plain_hashes(hashes: Sequence[Hash], algorithms: Set[str]) -> tuple[Hash, ...]:
    """Return of each of the algorithms the hash of the first frame as most viewers show it."""
    first = {
        one.algorithm.name: one
        for one in reversed(hashes)
        if one.algorithm.name in algorithms
        and (one.view, one.orientation, one.frame) == (View.FULL, Orientation.ORIGINAL, 0)
    }
    return tuple(first[name] for name in sorted(first))
