"""What an intake promises: bytes in, hashes and media facts out, and never a pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import dataclass

from hashmatch.hashes import Hash
from hashmatch.outcome import Failure, Media


@dataclass(frozen=True, slots=True)
class Reading:
    """What an intake got out of a file.

    With a `failure`, `hashes` hold what could be hashed all the same: a damaged copy of a listed
    file still has to match, it only can never be clear.
    """

    media: Media | None
    hashes: tuple[Hash, ...]
    failure: Failure | None = None


class Intake(ABC):
    """The one door for image bytes. Safe to use from many threads."""

    @abstractmethod
    def read(self, data: bytes, algorithms: Set[str]) -> Reading:
        """Decode the file and hash it with each of the algorithms; it never raises for its content.

        Multi-frame files are sampled evenly, first frame included.
        """

    def close(self) -> None:  # noqa: B027 (most intakes hold nothing)
        """Give back what the intake holds."""
