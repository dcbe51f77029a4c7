"""Intake interface: bytes in, hashes and media facts out, and never a pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import dataclass

from PIL import Image

from hashmatch.hashes import Hash, Level
from hashmatch.outcome import Failure, Media, Reason
from hashmatch.provenance import Provenance


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading one file.

    `frames_seen` counts the frames that were looked at, those that equal another and so have no
    hashes among them. With a `failure`, `hashes` are those of the readable parts: a damaged copy of
    a listed file still has to match, although it can never be clear. `provenance` is what the file
    declares of its origin, None where nobody looked.
    """

    media: Media | None
    hashes: tuple[Hash, ...]
    failure: Failure | None = None
    frames_seen: int = 0
    provenance: Provenance | None = None


class Intake(ABC):
    """The single entry point for image bytes. Safe to use from many threads."""

    @abstractmethod
    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        """Decode the file and hash it with each of the algorithms; no content makes it raise.

        Every frame of a file is looked at. Without a `level`, that of the configuration is used.
        """

    def read_picture(
        self, picture: Image.Image, algorithms: Set[str], level: Level | None = None
    ) -> Reading:
        """Hash a picture in memory, in this process, with each of the algorithms that hash pixels.

        No file is decoded, so that nothing of it can attack a decoder. See `read`.
        """
        return Reading(None, (), Failure(Reason.UNSUPPORTED, "this intake reads files alone"))

    def prepare(self, algorithms: Set[str]) -> Failure | None:
        """Make ready for files that are hashed by these algorithms, at the level configured.

        Returns why it could not; most intakes have nothing to make ready.
        """
        return None

    def close(self) -> None:  # noqa: B027 (most intakes have no resources)
        """Release the resources of the intake."""
