"""PDQ, Meta's 256-bit perceptual hash, as one linear operator.

The reference filters the picture four times with running means and then samples 64 by 64 pixels of
it. All of this is linear and separable, so the 64 by 64 picture is A·Y·Bᵀ, where each of the 64
rows of A (of B for the columns) weighs a short run of pixels. The weights depend only on the length
of the side, and the picture is read once.

Source: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", Meta, 2019,
and its reference implementation, with identical bits on natural pictures. On symmetric or tiny
drawn ones some coefficients are equal except for rounding, and there any two implementations may
differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashmatch.hashes import Algorithm, Detail, Hash, Kind, Orientation

from .interface import PixelHasher, Reduction
from .pixels import Pixels, pixels_of

_Number = TypeVar("_Number", np.int64, np.float32)
Floats: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.int64]
# The first pixel that a row of the operator weighs, and the weights from that pixel on.
Band: TypeAlias = tuple[int, Floats]

PDQ = Algorithm(
    name="pdq",
    version="1",
    bits=256,
    kind=Kind.PERCEPTUAL,
    threshold_bits=31,
    min_quality=50,
    review_bits=40,
)

_CHANNELS = 3  # of a colour picture; a further one is not seen
_SIDE = 64  # of the picture that the cosine transform reads
_FREQUENCIES = 16  # along each axis, without the constant one
_MIN_SIDE = 5  # below which the reference gives no hash
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_QUALITY_DIVISOR = 90
# A picture whose brightest and darkest parts are nearer to each other, of 255, shows nothing.
# Photographs reduced to this many levels keep all but 26 of their bits on average.
_MIN_RANGE = 4
# The source of each orientation's bits: one of four pictures (0 unchanged, 1 mirrored left and
# right, 2 mirrored top and bottom, 3 both), and whether its coefficients have to be transposed.
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
_NO_HASH = Hash(PDQ, bytes(PDQ.bits // 8), quality=0, stretched_quality=0)


class PDQHasher(PixelHasher):
    """Hasher of PDQ and its quality, 0 to 100: the amount of detail in the picture."""

    algorithm = PDQ
    accepts_reduced = True

    def hash_pixels(self, picture: Image.Image, reduction: Reduction | None = None) -> Hash:
        """Return the hash: below 5 pixels a side, zero bits and quality 0 as in the reference."""
        pixels = pixels_of(picture)
        if min(pixels.shape[:2]) < _MIN_SIDE:
            return _NO_HASH
        return hash_smalls(reduce_to_64(pixels, reduction)[None])[0]

    def hash_mixes(
        self,
        white: Image.Image,
        black: Image.Image,
        shares: Sequence[float],
        reduction: Reduction | None = None,
    ) -> tuple[Hash, ...]:
        """Return the hashes of mixes of two pictures, from one pass over each."""
        if min(white.size) < _MIN_SIDE:
            return (_NO_HASH,) * len(shares)
        light, dark = (reduce_to_64(pixels_of(one), reduction) for one in (white, black))
        return hash_smalls(np.stack([share * light + (1 - share) * dark for share in shares]))

    def hash_orientations(
        self, picture: Image.Image, reduction: Reduction | None = None
    ) -> tuple[Hash, ...]:
        """Return the hashes of all orientations, from one pass over the pixels."""
        pixels = pixels_of(picture)
        if min(pixels.shape[:2]) < _MIN_SIDE:
            return tuple(replace(_NO_HASH, orientation=one) for one in Orientation)
        # The sampled pixels are not symmetric, so the mirror image needs another operator.
        both = _apply(pixels, reduction, both_ways=True)
        smalls = np.stack([both[down::2, across::2] for down in (0, 1) for across in (0, 1)])
        views = np.stack(
            [smalls[view].T if is_transposed else smalls[view]
             for view, is_transposed in _FROM_UPRIGHT.values()]
        )  # fmt: skip
        found = zip(hash_smalls(views), _FROM_UPRIGHT, strict=True)
        return tuple(replace(one, orientation=orientation) for one, orientation in found)


@dataclass(frozen=True, slots=True)
class _SideOperator:
    """The operator of one side as runs of weights: the first pixel and the length of each run."""

    firsts: Places
    lengths: Places
    weights: Floats

    def interleave(self, other: _SideOperator) -> _SideOperator:
        """Return both operators with their runs in turn, since neighbours read the same rows."""
        return _SideOperator(
            _interleave(self.firsts, other.firsts),
            _interleave(self.lengths, other.lengths),
            _interleave(self.weights, other.weights),
        )

    def for_colours(self) -> _SideOperator:
        """Return the operator for RGB pixels, which computes the luma as it weighs them."""
        weights = (self.weights[:, :, None] * _LUMA).reshape(len(self.weights), -1)
        return _SideOperator(3 * self.firsts, 3 * self.lengths, weights)


def _interleave(ones: NDArray[_Number], others: NDArray[_Number]) -> NDArray[_Number]:
    """Return the elements of both arrays in turn, starting with `ones`."""
    return np.stack((ones, others), axis=1).reshape(-1, *ones.shape[1:])


def reduce_to_64(pixels: Pixels, reduction: Reduction | None = None) -> Floats:
    """Return the blurred 64 by 64 luma of a picture of shape (height, width), (…, 3) or (…, 4).

    For a reduced picture, it approximates the luma of the original: the operator is that of the
    original size, with the weights of all pixels that became one added up.
    """
    return _apply(pixels, reduction, both_ways=False)


def _apply(pixels: Pixels, reduction: Reduction | None, *, both_ways: bool) -> Floats:
    """Return the luma weighed along both sides, of shape (runs down, runs across)."""
    # Imported on first use, so that commands that hash nothing do not load numba.
    from .kernels import weigh_columns, weigh_rows

    factor, height, width = 1, *pixels.shape[:2]
    if reduction is not None:
        factor, height, width = reduction.factor, reduction.height, reduction.width
    down = _runs(height, factor, both_ways=both_ways, is_colour=False)
    across = _runs(width, factor, both_ways=both_ways, is_colour=pixels.ndim == 3)
    lines = pixels.reshape(pixels.shape[0], -1)
    rows = weigh_rows(lines, down.firsts, down.lengths, down.weights)
    if pixels.ndim == 3 and pixels.shape[2] > _CHANNELS:
        # Left out after the rows: weighed with zero, it would change the order of the sums.
        stored = rows.reshape(len(rows), -1, pixels.shape[2])
        rows = stored[..., :_CHANNELS].reshape(len(rows), -1)
    return weigh_columns(rows, across.firsts, across.lengths, across.weights)


@lru_cache(maxsize=32)
def _runs(dim: int, factor: int, *, both_ways: bool, is_colour: bool) -> _SideOperator:
    """Return the operator of a side, with its mirror image if `both_ways`."""
    side = _side(dim, factor)
    if both_ways:
        side = side.interleave(_side(dim, factor, mirrored=True))
    return side.for_colours() if is_colour else side


def _side(dim: int, factor: int, *, mirrored: bool = False) -> _SideOperator:
    """Return the operator of a side of `dim` original pixels, `factor` of which became one."""
    matrix = np.zeros((_SIDE, -(-dim // factor) * factor), np.float32)
    for row, (first, band) in enumerate(operator(dim)):
        matrix[row, first : first + len(band)] = band
    if mirrored:
        matrix[:, :dim] = matrix[:, :dim][:, ::-1].copy()
    matrix = matrix.reshape(_SIDE, -1, factor).sum(axis=2)
    used = matrix != 0
    firsts = used.argmax(axis=1)
    lengths = matrix.shape[1] - used[:, ::-1].argmax(axis=1) - firsts
    weights = np.zeros((_SIDE, int(lengths.max())), np.float32)
    for row, (first, length) in enumerate(zip(firsts, lengths, strict=True)):
        weights[row, :length] = matrix[row, first : first + length]
    return _SideOperator(firsts, lengths, weights)


def operator(dim: int) -> tuple[Band, ...]:
    """Return the 64 rows of the operator for a side of `dim` pixels.

    Each row is a box mean of box means, at a pixel that the reference samples. Boxes shrink at the
    edges; up to a side of 128 pixels, a box is a single pixel.
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


def hash_smalls(smalls: Floats) -> tuple[Hash, ...]:
    """Return the hashes of 64 by 64 pictures, as `reduce_to_64` returns them, in a stack."""
    coefficients = _cosines() @ smalls @ _cosines().T
    middle = _FREQUENCIES**2 // 2 - 1
    flat = coefficients.reshape(len(smalls), -1)
    # Of an even count, the reference takes the lower of the two middle values.
    medians = np.partition(flat, middle)[:, middle]
    # The reference stores the first coefficient in the lowest bit of the hash.
    bits = np.packbits((flat > medians[:, None])[:, ::-1], axis=1)
    ranges = smalls.max(axis=(1, 2)) - smalls.min(axis=(1, 2))
    stretched = smalls * (255 / np.maximum(ranges, _MIN_RANGE))[:, None, None]
    qualities = zip(_qualities(smalls), _qualities(stretched), strict=True)
    return tuple(
        Hash(
            PDQ,
            value.tobytes(),
            quality=int(quality),
            stretched_quality=int(best if levels >= _MIN_RANGE else quality),
            detail=Detail.WHOLE if levels >= _MIN_RANGE else Detail.NONE,
        )
        for value, levels, (quality, best) in zip(bits, ranges, qualities, strict=True)
    )


def _qualities(smalls: Floats) -> NDArray[np.int64]:
    from .kernels import sum_gradients

    return np.minimum(100, sum_gradients(smalls) // _QUALITY_DIVISOR)
