"""Limits on one file, and the failures of files that exceed them or cannot be decoded."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hashmatch.outcome import Failure, Reason

# Hashes of one file, of all frames, views and orientations. A file that would have more is refused,
# and so is a longer reply of a decoding process.
MAX_HASHES = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that are enforced before memory is spent; see `[intake]` in the configuration.

    `formats` has Pillow's names. A file with more than `max_frames` frames is refused before any is
    decoded, and one with more than `max_distinct_frames` that differ, or whose frames take more
    than `frames_timeout_s` seconds, once they are: a frame that nobody looked at is never clear.
    """

    max_bytes: int
    max_pixels: int
    max_side: int
    max_frames: int
    max_distinct_frames: int
    frames_timeout_s: float
    max_metadata_bytes: int
    max_nesting: int
    formats: tuple[str, ...]

    def require_size(self, width: int, height: int) -> None:
        """Raise `DecodingError` for a picture that is too large or has no pixels."""
        if width <= 0 or height <= 0:
            raise DecodingError(Reason.UNDECODABLE, "the picture has no pixels")
        size = f"the picture declares {width} x {height} pixels"
        if width * height > self.max_pixels:
            raise DecodingError(Reason.TOO_MANY_PIXELS, f"{size}; see intake.max_pixels")
        if max(width, height) > self.max_side:
            raise DecodingError(Reason.TOO_MANY_PIXELS, f"{size}; see intake.max_side")

    def require_frames(self, frames: int) -> None:
        """Raise `DecodingError` for a file with more than `max_frames` frames."""
        if frames > self.max_frames:
            detail = f"the file has more than {self.max_frames} frames; see intake.max_frames"
            raise DecodingError(Reason.TOO_COMPLEX, detail)

    def find_excess(self, distinct_frames: int, begun_s: float) -> Failure | None:
        """Return why no further frame of a file may be read, None where one may."""
        if distinct_frames >= self.max_distinct_frames:
            detail = (
                f"the file has more than {distinct_frames} frames that differ;"
                " see intake.max_distinct_frames"
            )
            return Failure(Reason.TOO_COMPLEX, detail)
        if time.monotonic() - begun_s > self.frames_timeout_s:
            detail = "the frames of the file take too long to look at; see intake.timeout_s"
            return Failure(Reason.TOO_COMPLEX, detail)
        return None

    def require_metadata(self, metadata_bytes: int) -> None:
        """Raise `DecodingError` for a file with more metadata than `max_metadata_bytes`."""
        if metadata_bytes > self.max_metadata_bytes:
            limit = self.max_metadata_bytes
            detail = (
                f"the file has more than {limit} bytes of metadata; see intake.max_metadata_bytes"
            )
            raise DecodingError(Reason.TOO_COMPLEX, detail)

    def require_nesting(self, depth: int) -> None:
        """Raise `DecodingError` for parts nested deeper than `max_nesting`."""
        if depth > self.max_nesting:
            limit = self.max_nesting
            detail = f"the file nests more than {limit} levels deep; see intake.max_nesting"
            raise DecodingError(Reason.TOO_COMPLEX, detail)


class DecodingError(Exception):
    """A file, or one frame of it, that cannot be decoded within the limits."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(reason, detail)


def require_hashes(hashes: int) -> None:
    """Raise `DecodingError` for a file with more than `MAX_HASHES` hashes."""
    if hashes > MAX_HASHES:
        detail = f"the frames of the file have more than {MAX_HASHES} hashes"
        raise DecodingError(Reason.TOO_COMPLEX, detail)


def refusal(data: bytes, max_bytes: int) -> Failure | None:
    """Return the failure of a file that is refused by its size alone; None if it is not."""
    if not data:
        return Failure(Reason.EMPTY, "the file is empty")
    return too_large(max_bytes) if len(data) > max_bytes else None


def too_large(max_bytes: int) -> Failure:
    """Return the failure of a file with more than `max_bytes` bytes."""
    return Failure(Reason.TOO_LARGE, f"the file has more than {max_bytes} bytes")


def decoder_failure(error: Exception) -> Failure:
    """Return the failure for a decoder's error, without its message, which may quote the file."""
    if isinstance(error, MemoryError):
        return Failure(Reason.OUT_OF_MEMORY, "decoding ran out of memory")
    # Pillow raises the same class for truncation and for damage.
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return Failure(Reason.TRUNCATED, "the file ends before the picture is complete")
    return Failure(Reason.UNDECODABLE, f"the decoder failed ({type(error).__name__})")
