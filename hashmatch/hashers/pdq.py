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

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashmatch.hashes import Algorithm, Hash, Kind, Orientation

from .interface import PixelHasher, Reduction

_Number = TypeVar("_Number", np.int64, np.float32)
Pixels: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.int64]
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
# Which of four pictures each orientation is seen in (as it is, mirrored left and right, mirrored
# top and bottom, or both), and whether it is transposed then, as its coefficients are.
_FROM_UPRIGHT = {
    Orientation.ORIGINAL: (0, False),
    Orientation.ROTATE_90: (2, True),
    Orientation.ROTATE_180: (3, False),
    Orientation.ROTATE_270: (1, True),
    Orientation.FLIP_X: (1, False),
    Orientation.FLIP_Y: (2, False),
    Orientation.TRANSPOSE: (0, True),
    Orientation.TRANSVERSE: (3, True),
}
_NOTHING = Hash(PDQ, bytes(PDQ.bits // 8), quality=0)


class PDQHasher(PixelHasher):
    """PDQ with its quality, 0 to 100, which says how much there is to see in the picture."""

    algorithm = PDQ
    takes_reduced = True

    def hash_pixels(self, picture: Image.Image, reduction: Reduction | None = None) -> Hash:
        """Return the hash; as the reference, zero bits and quality 0 under 5 pixels a side."""
        pixels = np.asarray(picture)
        if min(pixels.shape[:2]) < _SMALLEST_SIDE:
            return _NOTHING
        bits, quality = _compare(reduce_to_64(pixels, reduction)[None])
        return _hash(bits[0], int(quality[0]))

    def hash_orientations(
        self, picture: Image.Image, reduction: Reduction | None = None
    ) -> tuple[Hash, ...]:
        """Return the hashes of all orientations, from one pass over the pixels."""
        pixels = np.asarray(picture)
        if min(pixels.shape[:2]) < _SMALLEST_SIDE:
            return tuple(replace(_NOTHING, orientation=one) for one in Orientation)
        # The operator keeps pixels of its own choice, so its mirror image is another operator.
        both = _apply(pixels, reduction, both_ways=True)
        bits, quality = _compare(
            np.stack([both[down::2, across::2] for down in (0, 1) for across in (0, 1)])
        )
        return tuple(
            replace(
                _hash(bits[view].T if is_transposed else bits[view], int(quality[view])),
                orientation=orientation,
            )
            for orientation, (view, is_transposed) in _FROM_UPRIGHT.items()
        )


@dataclass(frozen=True, slots=True)
class _Side:
    """The operator of one side as runs of weights: where each begins and how long it is."""

    firsts: Places
    lengths: Places
    weights: Floats

    def joined(self, other: _Side) -> _Side:
        """Return both, one run of the other after each of these: neighbours read the same rows."""
        return _Side(
            _interleaved(self.firsts, other.firsts),
            _interleaved(self.lengths, other.lengths),
            _interleaved(self.weights, other.weights),
        )

    def of_colours(self) -> _Side:
        """Return the same for pixels of three colours, of which the luma is weighed."""
        weights = (self.weights[:, :, None] * _LUMA).reshape(len(self.weights), -1)
        return _Side(3 * self.firsts, 3 * self.lengths, weights)


def _interleaved(ones: NDArray[_Number], others: NDArray[_Number]) -> NDArray[_Number]:
    """Return the first of these, the first of those, the second of these and so on."""
    return np.stack((ones, others), axis=1).reshape(-1, *ones.shape[1:])


def reduce_to_64(pixels: Pixels, reduction: Reduction | None = None) -> Floats:
    """Return the blurred 64 by 64 luma of a picture of shape (height, width) or (…, 3).

    Of a picture that was made smaller it is that of the larger one, as far as the pixels tell: the
    operator is the larger one's, with the weights of the pixels that became one added up.
    """
    return _apply(pixels, reduction, both_ways=False)


def _apply(pixels: Pixels, reduction: Reduction | None, *, both_ways: bool) -> Floats:
    """Return the luma of a picture weighed down and across, of shape (runs down, runs across)."""
    # Imported on first use: numba is for commands that hash.
    from .kernels import weigh_columns, weigh_rows

    factor, height, width = 1, *pixels.shape[:2]
    if reduction is not None:
        factor, height, width = reduction.factor, reduction.height, reduction.width
    down = _runs(height, factor, both_ways=both_ways, is_colour=False)
    across = _runs(width, factor, both_ways=both_ways, is_colour=pixels.ndim == 3)
    lines = pixels.reshape(pixels.shape[0], -1)
    rows = weigh_rows(lines, down.firsts, down.lengths, down.weights)
    return weigh_columns(rows, across.firsts, across.lengths, across.weights)


@lru_cache(maxsize=32)
def _runs(dim: int, factor: int, *, both_ways: bool, is_colour: bool) -> _Side:
    """Return the operator of a side, with its mirror image where both ways are asked for."""
    side = _side(dim, factor)
    if both_ways:
        side = side.joined(_side(dim, factor, mirrored=True))
    return side.of_colours() if is_colour else side


def _side(dim: int, factor: int, *, mirrored: bool = False) -> _Side:
    """Return the operator of a side of `dim` pixels, of which `factor` became one."""
    whole = np.zeros((_SIDE, -(-dim // factor) * factor), np.float32)
    for row, (first, band) in enumerate(operator(dim)):
        whole[row, first : first + len(band)] = band
    if mirrored:
        whole[:, :dim] = whole[:, :dim][:, ::-1].copy()
    whole = whole.reshape(_SIDE, -1, factor).sum(axis=2)
    used = whole != 0
    firsts = used.argmax(axis=1)
    lengths = whole.shape[1] - used[:, ::-1].argmax(axis=1) - firsts
    weights = np.zeros((_SIDE, int(lengths.max())), np.float32)
    for row, (first, length) in enumerate(zip(firsts, lengths, strict=True)):
        weights[row, :length] = whole[row, first : first + length]
    return _Side(firsts, lengths, weights)


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


def _compare(smalls: Floats) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the bits, of shape (pictures, 16, 16), and the qualities of pictures of 64 by 64."""
    coefficients = _cosines() @ smalls @ _cosines().T
    middle = _FREQUENCIES**2 // 2 - 1
    flat = coefficients.reshape(len(smalls), -1)
    medians = np.partition(flat, middle)[:, middle]
    return coefficients > medians[:, None, None], _qualities(smalls)


def _qualities(smalls: Floats) -> NDArray[np.int64]:
    steps = (smalls[:, :-1] - smalls[:, 1:], smalls[:, :, :-1] - smalls[:, :, 1:])
    gradients = np.zeros(len(smalls), np.int64)
    for step in steps:
        percents = np.abs(step) * np.float32(100) / np.float32(255)
        gradients += percents.astype(np.int32).sum(axis=(1, 2))
    return np.minimum(100, gradients // _QUALITY_DIVISOR)


def _hash(bits: NDArray[np.bool_], quality: int) -> Hash:
    # The first coefficient is the lowest bit of the whole.
    return Hash(PDQ, np.packbits(bits.ravel()[::-1]).tobytes(), quality=quality)
