"""Sameness of pictures: whether hashing another one could tell anything new."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageChops
from xxhash import xxh3_128_digest

# A difference of no more in any pixel, of 255, moves a hash by a few bits at most, unless the
# picture itself has hardly more contrast.
_MAX_DIFFERENCE = 2
_MIN_CONTRAST = 64
_REMEMBERED = 4
_INDIRECT, _COMPARABLE = ("P", "PA", "1"), ("L", "RGB", "RGBA")


def is_same(one: Image.Image, other: Image.Image) -> bool:
    """Say whether two pictures are equal or so nearly equal that their hashes are."""
    if one.size != other.size:
        return False
    if one.mode != other.mode:
        one, other = (picture.convert("RGBA") for picture in (one, other))
    largest = max(high for _, high in _ranges(ImageChops.difference(one, other)))
    if largest > _MAX_DIFFERENCE:
        return False
    return largest == 0 or any(high - low >= _MIN_CONTRAST for low, high in _ranges(one))


class SeenPictures:
    """The frames of a file that were hashed so far.

    Each frame is compared with all of them for equality, and for near equality with the last few:
    with those that were hashed, since small steps add up.
    """

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._last: list[tuple[Image.Image, object]] = []

    def is_new(self, frame: Image.Image, facts: object) -> bool:
        """Say whether a frame has to be hashed, which the caller then does.

        `facts` say how it is to be shown; they have a repr.
        """
        picture = frame.convert("RGBA") if frame.mode in _INDIRECT else frame
        kind = repr((picture.size, picture.mode, facts)).encode()
        digest = xxh3_128_digest(kind + picture.tobytes())
        if digest in self._digests:
            return False
        if picture.mode in _COMPARABLE and any(
            is_same(picture, other) for other, others in self._last if others == facts
        ):
            return False
        self._digests.add(digest)
        if picture.mode in _COMPARABLE:
            self._last = [(picture.copy(), facts), *self._last[: _REMEMBERED - 1]]
        return True


def _ranges(picture: Image.Image) -> list[tuple[int, int]]:
    found: Any = picture.getextrema()
    return list(found) if isinstance(found[0], tuple) else [found]
