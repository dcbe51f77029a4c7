"""In-process intake: decodes in the caller's process, without protection against exploits."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from PIL import Image

from hashmatch.hashes import Level

from .hashing import Hashing
from .interface import Intake, Reading
from .limits import Limits, refusal
from .provenance import load_credentials
from .reading import exact_hashes, read_picture, read_pixels


class InProcessIntake(Intake):
    """An intake that enforces the limits on declared sizes, but none on time and memory.

    A crash of a decoder is a crash of its host. Use it only where every file is trusted, or where
    the host itself is confined.
    """

    def __init__(
        self, limits: Limits, hashing: Hashing | None = None, *, trust_anchors: str = ""
    ) -> None:
        self._credentials = load_credentials(trust_anchors)
        self._limits = limits
        self._hashing = hashing or Hashing()

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        """Decode the file and hash it with each of the algorithms."""
        # Exact hashes come first, so that a refused file still matches a listed one.
        exact = exact_hashes(data, algorithms) if data else ()
        if failure := refusal(data, self._limits.max_bytes):
            return Reading(None, exact, failure)
        hashing = replace(self._hashing, level=level or self._hashing.level)
        reading = read_pixels(data, algorithms, self._limits, hashing, self._credentials)
        return replace(reading, hashes=exact + reading.hashes)

    def read_picture(
        self, picture: Image.Image, algorithms: Set[str], level: Level | None = None
    ) -> Reading:
        """Hash a picture in memory with each of the algorithms that hash pixels."""
        hashing = replace(self._hashing, level=level or self._hashing.level)
        return read_picture(picture, algorithms, self._limits, hashing)
