"""PDQ, Meta's 256-bit perceptual hash, as one linear operator.

The reference filters the whole picture four times with running means and then keeps 64 by 64
pixels of it. All of that is linear and separable, so the 64 by 64 picture is A·Y·Bᵀ, where the 64
rows of A (for the columns, B) each weigh a short run of pixels. The weights depend on nothing but
the side's length, and the picture is read once.

Source: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", Meta, 2019,
and its reference implementation, which this equals bit for bit on natural pictures. On symmetric
or tiny drawn ones some coefficients are equal but for rounding, and there any two implementations
may differ.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashmatch.hashes import Algorithm, Hash, Kind

from .interface import PixelHasher

Floats: TypeAlias = NDArray[np.float32]
# The first pixel that a row of the operator weighs, and the weights from there on.
Band: TypeAlias = tuple[int, Floats]

PDQ = Algorithm(
    name="pdq", version="1", bits=256, kind=Kind.PERCEPTUAL, threshold_bits=31, min_quality=50
)

_SIDE = 64  # of the picture that the cosine transform reads
_FREQUENCIES = 16  # along each axis, without the constant one
_SMALLEST_SIDE = 5  # below which the reference gives no hash
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_QUALITY_DIVISOR = 90


class PDQHasher(PixelHasher):
    """PDQ with its quality, 0 to 100, which says how much there is to see in the picture."""

    algorithm = PDQ

    def hash_pixels(self, picture: Image.Image) -> Hash:
        """Return the hash; as the reference, zero bits and quality 0 under 5 pixels a side."""
        pixels = np.asarray(picture)
        if min(pixels.shape[:2]) < _SMALLEST_SIDE:
            return Hash(PDQ, bytes(PDQ.bits // 8), quality=0)
        small = reduce_to_64(pixels)
        return Hash(PDQ, _value(small), quality=_quality(small))


def reduce_to_64(pixels: NDArray[np.uint8]) -> Floats:
    """Return the blurred 64 by 64 luma of a picture of shape (height, width) or (…, 3)."""
    height, width = pixels.shape[:2]
    lines = pixels.reshape(height, -1)
    # Bands overlap by half at most, so converting them one at a time touches each pixel twice
    # and never holds a full-size picture of floats.
    rows = np.stack(
        [
            weights @ lines[first : first + len(weights)].astype(np.float32)
            for first, weights in operator(height)
        ]
    )
    if pixels.ndim == 3:
        rows = rows.reshape(_SIDE, width, 3) @ _LUMA
    columns = [
        rows[:, first : first + len(weights)] @ weights for first, weights in operator(width)
    ]
    return np.stack(columns, axis=1)


@lru_cache(maxsize=256)
def operator(dim: int) -> tuple[Band, ...]:
    """Return the 64 rows of the operator for a side of `dim` pixels.

    Each is a box mean of box means, taken at the pixel that the reference keeps. Boxes shrink at
    the edges; those of a side up to 128 are single pixels.
    """
    window = (dim + 127) // 128
    ahead = (window + 2) // 2
    starts = np.maximum(np.arange(dim) + ahead - window, 0)
    ends = np.minimum(np.arange(dim) + ahead, dim)
    return tuple(_band(int((i + 0.5) * dim / _SIDE), starts, ends) for i in range(_SIDE))


def _band(pixel: int, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> Band:
    outer = range(int(starts[pixel]), int(ends[pixel]))
    first = int(starts[outer.start])
    weights = np.zeros(int(ends[outer.stop - 1]) - first)
    for inner in outer:
        width = ends[inner] - starts[inner]
        weights[starts[inner] - first : ends[inner] - first] += 1 / (width * len(outer))
    return first, weights.astype(np.float32)


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    frequency = np.arange(1, _FREQUENCIES + 1)[:, None]
    place = 2 * np.arange(_SIDE)[None, :] + 1
    cosines: NDArray[np.float64] = np.cos(np.pi / (2 * _SIDE) * frequency * place)
    scaled: Floats = (np.sqrt(2 / _SIDE) * cosines).astype(np.float32)
    return scaled


def _value(small: Floats) -> bytes:
    coefficients = (_cosines() @ small @ _cosines().T).ravel()
    median = np.partition(coefficients, len(coefficients) // 2 - 1)[len(coefficients) // 2 - 1]
    # The first coefficient is the lowest bit of the whole.
    return np.packbits((coefficients > median)[::-1]).tobytes()


def _quality(small: Floats) -> int:
    steps = (small[:-1] - small[1:], small[:, :-1] - small[:, 1:])
    gradient = sum(int(np.abs((step * 100 / 255).astype(np.int64)).sum()) for step in steps)
    return min(100, gradient // _QUALITY_DIVISOR)
