"""The limits on one file, and what is said of a file that goes beyond them or cannot be decoded."""

from __future__ import annotations

from dataclasses import dataclass

from hashmatch.outcome import Failure, Reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before memory is spent on it; see `[intake]` in the configuration.

    `formats` are named as Pillow names them. Of more than `sampled_frames` frames so many are
    hashed, of more than `max_frames` none.
    """

    max_bytes: int
    max_pixels: int
    max_side: int
    max_frames: int
    sampled_frames: int
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
        """Raise `DecodingError` for a file of more frames than are looked for."""
        if frames > self.max_frames:
            detail = f"the file has more than {self.max_frames} frames; see intake.max_frames"
            raise DecodingError(Reason.TOO_COMPLEX, detail)

    def require_metadata(self, metadata_bytes: int) -> None:
        """Raise `DecodingError` for a file with more beside its pictures than is read."""
        if metadata_bytes > self.max_metadata_bytes:
            most = self.max_metadata_bytes
            detail = (
                f"the file has more than {most} bytes of metadata; see intake.max_metadata_bytes"
            )
            raise DecodingError(Reason.TOO_COMPLEX, detail)

    def require_nesting(self, depth: int) -> None:
        """Raise `DecodingError` for parts inside parts inside parts."""
        if depth > self.max_nesting:
            most = self.max_nesting
            detail = f"the file nests its parts more than {most} deep; see intake.max_nesting"
            raise DecodingError(Reason.TOO_COMPLEX, detail)


class DecodingError(Exception):
    """The file, or one frame of it, could not be turned into a picture."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(reason, detail)


def refusal(data: bytes, max_bytes: int) -> Failure | None:
    """Return why bytes are not even looked at; None when they are."""
    if not data:
        return Failure(Reason.EMPTY, "the file is empty")
    return too_large(max_bytes) if len(data) > max_bytes else None


def too_large(max_bytes: int) -> Failure:
    """Return why a file of more bytes than that is not read."""
    return Failure(Reason.TOO_LARGE, f"the file has more than {max_bytes} bytes")


def damaged(error: Exception) -> Failure:
    """Return what a decoder's error means. Its own words may quote the file, so they are left."""
    if isinstance(error, MemoryError):
        return Failure(Reason.OUT_OF_MEMORY, "decoding took more memory than there is")
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return Failure(Reason.TRUNCATED, "the file ends before the picture does")
    return Failure(Reason.UNDECODABLE, f"the decoder gave up ({type(error).__name__})")
