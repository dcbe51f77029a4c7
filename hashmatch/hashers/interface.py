"""Hasher interfaces: one algorithm each, for the bytes of a file or for one decoded picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from PIL import Image

from hashmatch.hashes import Algorithm, Hash, Orientation

# Small enough to stay in the processor's cache while each of the hashers reads it.
_CHUNK_BYTES = 1 << 18


class RunningHash(Protocol):
    """The hash of the part of a file that was read so far."""

    def update(self, data: memoryview, /) -> None:
        """Add the next bytes."""

    def digest(self) -> bytes:
        """Return the hash value of the bytes added so far."""


class BytesHasher(ABC):
    """A hasher of the unchanged bytes of a file."""

    algorithm: Algorithm

    @abstractmethod
    def begin(self) -> RunningHash:
        """Return the running hash of an empty file."""


def hash_bytes(data: bytes, hashers: Iterable[BytesHasher]) -> tuple[Hash, ...]:
    """Return the hash of a file by each of the hashers, in one pass over its bytes."""
    running = [(hasher.algorithm, hasher.begin()) for hasher in hashers]
    content = memoryview(data)
    for start in range(0, len(data), _CHUNK_BYTES):
        for _, one in running:
            one.update(content[start : start + _CHUNK_BYTES])
    return tuple(Hash(algorithm, one.digest()) for algorithm, one in running)


@dataclass(frozen=True, slots=True)
class Reduction:
    """The reduction of a picture: each of its pixels is the mean of `factor` by `factor` pixels.

    `width` and `height` are the original size in pixels. In the last column and row, a pixel may be
    the mean of fewer.
    """

    factor: int
    width: int
    height: int


class PixelHasher(ABC):
    """A hasher of the visible content of a picture.

    Pictures are Pillow images of mode RGB or L, upright, without transparency, at least 1 by 1
    pixel; a hasher must not change them.
    """

    algorithm: Algorithm
    # Whether a reduced picture gives the same bits, except for one or two.
    accepts_reduced = False

    @abstractmethod
    def hash_pixels(self, picture: Image.Image, reduction: Reduction | None = None) -> Hash:
        """Return the hash of the picture, as frame 0.

        `reduction` describes a reduced picture; only a hasher with `accepts_reduced` gets one.
        """

    def hash_mixes(
        self,
        white: Image.Image,
        black: Image.Image,
        shares: Sequence[float],
        reduction: Reduction | None = None,
    ) -> tuple[Hash, ...]:
        """Return the hash of each mix of two pictures of one size and mode.

        A transparent picture over a grey is such a mix of it over white and over black: a share of
        1 is `white`. Hashers that can derive it from both override this.
        """
        return tuple(
            self.hash_pixels(Image.blend(black, white, share), reduction) for share in shares
        )

    def hash_orientations(
        self, picture: Image.Image, reduction: Reduction | None = None
    ) -> tuple[Hash, ...]:
        """Return the hashes of all eight orientations of the picture, in their order.

        Each hash names its orientation. Hashers that can derive them from one pass override this.
        """
        return tuple(
            replace(self.hash_pixels(orient(picture, one)), orientation=one) for one in Orientation
        )


def orient(picture: Image.Image, orientation: Orientation) -> Image.Image:
    """Return the picture with its pixels turned or mirrored."""
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


# Pillow's rotations are anticlockwise, those of `Orientation` clockwise.
_TURNS = {
    Orientation.ROTATE_90: Image.Transpose.ROTATE_270,
    Orientation.ROTATE_180: Image.Transpose.ROTATE_180,
    Orientation.ROTATE_270: Image.Transpose.ROTATE_90,
    Orientation.FLIP_X: Image.Transpose.FLIP_LEFT_RIGHT,
    Orientation.FLIP_Y: Image.Transpose.FLIP_TOP_BOTTOM,
    Orientation.TRANSPOSE: Image.Transpose.TRANSPOSE,
    Orientation.TRANSVERSE: Image.Transpose.TRANSVERSE,
}
