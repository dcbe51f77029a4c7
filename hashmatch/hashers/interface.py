"""What a hasher promises: one algorithm, from the bytes of a file or from one decoded picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from PIL import Image

from hashmatch.hashes import Algorithm, Hash, Orientation

# Small enough to stay in the processor's cache while one hasher after another reads it.
_CHUNK_BYTES = 1 << 18


class RunningHash(Protocol):
    """The hash of as much of a file as it was told of."""

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes in."""

    def digest(self) -> bytes:
        """Return the value up to here."""


class BytesHasher(ABC):
    """Hashes a file as it is, bit for bit."""

    algorithm: Algorithm

    @abstractmethod
    def begin(self) -> RunningHash:
        """Return the hash of nothing yet."""


def hash_bytes(data: bytes, hashers: Iterable[BytesHasher]) -> tuple[Hash, ...]:
    """Return a file's hash by each of the hashers, from one pass over its bytes."""
    running = [(hasher.algorithm, hasher.begin()) for hasher in hashers]
    whole = memoryview(data)
    for start in range(0, len(data), _CHUNK_BYTES):
        for _, one in running:
            one.update(whole[start : start + _CHUNK_BYTES])
    return tuple(Hash(algorithm, one.digest()) for algorithm, one in running)


@dataclass(frozen=True, slots=True)
class Reduction:
    """How a picture was made smaller: each of its pixels is the mean of `factor` by `factor`.

    `width` and `height` are those that it had; at the right and at the bottom, pixels may stand for
    fewer.
    """

    factor: int
    width: int
    height: int


class PixelHasher(ABC):
    """Hashes what a picture looks like.

    Pictures are Pillow images of mode RGB or L, upright, without transparency, 1 by 1 pixel or
    more; the hasher leaves them as they are.
    """

    algorithm: Algorithm
    # Whether a picture made smaller gives the same bits, but for one or two.
    takes_reduced = False

    @abstractmethod
    def hash_pixels(self, picture: Image.Image, reduction: Reduction | None = None) -> Hash:
        """Return the hash of the picture, as frame 0; it may have been made smaller."""

    def hash_orientations(
        self, picture: Image.Image, reduction: Reduction | None = None
    ) -> tuple[Hash, ...]:
        """Return the hashes of the picture turned and mirrored in all eight ways.

        They are in the order of `Orientation` and say which they are.
        """
        return tuple(
            replace(self.hash_pixels(orient(picture, one)), orientation=one) for one in Orientation
        )


def orient(picture: Image.Image, orientation: Orientation) -> Image.Image:
    """Return the picture really turned or mirrored."""
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


# Pillow counts its turns against the clock.
_TURNS = {
    Orientation.ROTATE_90: Image.Transpose.ROTATE_270,
    Orientation.ROTATE_180: Image.Transpose.ROTATE_180,
    Orientation.ROTATE_270: Image.Transpose.ROTATE_90,
    Orientation.FLIP_X: Image.Transpose.FLIP_LEFT_RIGHT,
    Orientation.FLIP_Y: Image.Transpose.FLIP_TOP_BOTTOM,
    Orientation.TRANSPOSE: Image.Transpose.TRANSPOSE,
    Orientation.TRANSVERSE: Image.Transpose.TRANSVERSE,
}
