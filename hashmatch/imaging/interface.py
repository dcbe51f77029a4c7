"""Intake interface: bytes in, hashes and media facts out, and never a pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import dataclass

from hashmatch.hashes import Hash
from hashmatch.outcome import Failure, Media


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading one file.

    With a `failure`, `hashes` are those of the readable parts: a damaged copy of a listed file
    still has to match, although it can never be clear.
    """

    media: Media | None
    hashes: tuple[Hash, ...]
    failure: Failure | None = None


class Intake(ABC):
    """The single entry point for image bytes. Safe to use from many threads."""

    @abstractmethod
    def read(self, data: bytes, algorithms: Set[str]) -> Reading:
        """Decode the file and hash it with each of the algorithms; no content makes it raise.

        Files with many frames are sampled evenly, including the first frame.
        """

    def close(self) -> None:  # noqa: B027 (most intakes have no resources)
        """Release the resources of the intake."""
