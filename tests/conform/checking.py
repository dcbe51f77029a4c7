"""The rule: a picture that a browser shows is among those that were hashed, or is not clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS, PDQHasher
from hashmatch.hashes import Decode, Hash
from hashmatch.imaging import Hashing, InProcessIntake, Reading
from hashmatch.policy import Policy
from hashmatch.screening.matching import low_quality_failure
from hashmatch.wiring import limits
from tests.oracle import distance_bits

from .browser import Shown, ShownPicture

_SETTINGS = Settings()
_POLICY = Policy(_SETTINGS, ALGORITHMS)
_HASHER = PDQHasher()
_THRESHOLD_BITS = ALGORITHMS["pdq"].threshold_bits or 0
_STABILITY_TRIALS = 5
_MIN_QUALITY = ALGORITHMS["pdq"].min_quality or 0


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A picture that the browser shows and that no view of ours is near."""

    shown: ShownPicture
    distance_bits: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one file: why it was refused, and what of it was overlooked."""

    refusal: str
    disagreements: tuple[Disagreement, ...]


class Checker:
    """Reads files as the service does by default, in this process."""

    def __init__(self) -> None:
        self._intake = InProcessIntake(limits(_SETTINGS), Hashing(Decode.SCALED))

    def read(self, data: bytes) -> Reading:
        """Return what the intake gets out of a file."""
        return self._intake.read(data, {"pdq"})

    def judge(self, data: bytes, shown: Shown) -> Judgement:
        """Return whether the pictures that a browser shows were hashed."""
        reading = self.read(data)
        failure = reading.failure or low_quality_failure(_POLICY, reading.hashes)
        if failure is not None:
            return Judgement(f"{failure.reason}: {failure.detail}", ())
        return Judgement("", tuple(find_disagreements(reading.hashes, shown.pictures)))


def find_disagreements(
    hashes: Sequence[Hash], pictures: Sequence[ShownPicture]
) -> list[Disagreement]:
    """Return the pictures that PDQ can find, and that are farther from every hash than allowed."""
    found = []
    for one in pictures:
        shown = _HASHER.hash_pixels(one.picture)
        if (shown.quality or 0) < _MIN_QUALITY:
            continue
        nearest = min((distance_bits(shown.value, other.value) for other in hashes), default=256)
        if nearest > _THRESHOLD_BITS and _is_stable(one.picture, shown):
            found.append(Disagreement(one, nearest))
    return found


def _is_stable(picture: Image.Image, its_hash: Hash) -> bool:
    """Say whether PDQ finds a picture again that differs by a level in some of its pixels.

    It does not find stripes, for example: most of their frequencies are nothing but rounding.
    """
    pixels = np.asarray(picture, np.int16)
    for seed in range(_STABILITY_TRIALS):
        noise = np.random.default_rng(seed).integers(-1, 2, pixels.shape[:2], np.int16)
        other = np.clip(pixels + noise[..., None], 0, 255).astype(np.uint8)
        its_other = _HASHER.hash_pixels(Image.fromarray(other))
        if distance_bits(its_hash.value, its_other.value) > _THRESHOLD_BITS:
            return False
    return True
