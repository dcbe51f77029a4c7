"""The rule: a picture that a browser shows is among those that were hashed, or is not clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
_THRESHOLD_BITS = ALGORITHMS["pdq"].threshold_bits
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
    """Return the pictures of some quality that are farther from every hash than the threshold."""
    found = []
    for one in pictures:
        shown = _HASHER.hash_pixels(one.picture)
        if (shown.quality or 0) < _MIN_QUALITY:
            continue
        nearest = min((distance_bits(shown.value, other.value) for other in hashes), default=256)
        if nearest > _THRESHOLD_BITS:
            found.append(Disagreement(one, nearest))
    return found
