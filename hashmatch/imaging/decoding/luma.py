"""Doubt about the luma of a reduced JPEG: whether all of it could look otherwise.

A JPEG may store colours that no screen can show. They are clipped on display, so that the mean of
what is seen is not what the mean of the stored pixels looks like. A reduced picture is such a mean.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from xxhash import xxh3_64_intdigest

Floats: TypeAlias = NDArray[np.float32]

# Cells along each side in which the luma and its doubt are averaged, as PDQ's picture has, and the
# samples along each side of a cell. They are moved at random: who makes a picture does not know
# where it is looked at.
_CELLS, _SAMPLES = 64, 3
# The doubt may be as large a share of the contrast; photographs have a tenth of it. So little moves
# a hash by 20 bits at most.
_MAX_DOUBT = 0.25
# The most that colours of any kind can raise the luma, in a place where it is zero.
_MAX_RISE = 53.0
# Clipped channels that differ by less are white or black.
_NEUTRAL = 8


def is_faithful(picture: Image.Image) -> bool:
    """Say whether a reduced RGB picture has the luma that is shown, or one that is near enough.

    Its colours must not have been reduced, as they are stored at half the size or less. The finer
    the brightness changes where it is saturated, the more of it is clipped.
    """
    samples = _sample(np.asarray(picture))
    luma = _weigh(samples)
    rise = _weigh(np.maximum(samples - luma, 0))
    highest, lowest = samples.max(axis=0), samples.min(axis=0)
    is_clipped = ((highest == 255) | (lowest == 0)) & (highest - lowest >= _NEUTRAL)
    rise[is_clipped] = _MAX_RISE
    doubt = rise * np.abs(1 - luma / 127.5)
    return _spread(doubt) <= _MAX_DOUBT * _spread(luma)


def _weigh(channels: Floats) -> Floats:
    red, green, blue = channels
    luma: Floats = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma


def _sample(pixels: NDArray[np.uint8]) -> Floats:
    """Return one random pixel of each part of a picture, of shape (3, rows, columns)."""
    height, width = pixels.shape[:2]
    count = _CELLS * _SAMPLES
    # The same file is always looked at in the same places.
    generator = np.random.default_rng(xxh3_64_intdigest(pixels[:: max(1, height // 32)].tobytes()))
    rows = (np.arange(count)[:, None] + generator.random((count, count))) * height // count
    columns = (np.arange(count) + generator.random((count, count))) * width // count
    chosen = pixels[rows.astype(np.intp), columns.astype(np.intp)]
    return np.ascontiguousarray(chosen.transpose(2, 0, 1)).astype(np.float32)


def _spread(samples: Floats) -> float:
    cells = samples.reshape(_CELLS, _SAMPLES, _CELLS, _SAMPLES).mean(axis=(1, 3))
    return float(cells.std())
