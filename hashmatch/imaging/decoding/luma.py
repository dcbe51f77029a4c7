"""Doubt about the luma of a picture of which colours that no screen can show were clipped.

A lossy file may store such colours. They are clipped on display, so that the mean of what is seen
is not what the mean of the stored pixels looks like, and a mix with what is behind them not what a
mix of clipped colours looks like. A reduced picture is such a mean, a transparent one such a mix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from xxhash import xxh3_64_intdigest

from .borders import Box, find_inner

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
# Channels beyond these are clipped, or would be by rounding.
_BLACK, _WHITE = 0.5, 254.5
# Clipped channels that differ by less are white or black.
_NEUTRAL = 8


def find_faithful_luma(picture: Image.Image) -> Image.Image | None:
    """Return the luma of a reduced YCbCr picture; None if what is shown may be far from it.

    Its colours must not have been reduced, as they are stored at half the size or less. The finer
    the brightness changes where it is saturated, the more of it is clipped.
    """
    bands = _read_bands(picture)
    return Image.fromarray(bands[0]) if is_luma_faithful(bands) else None


def is_luma_faithful(bands: Sequence[NDArray[np.uint8]], colour_gain: float = 1.0) -> bool:
    """Say whether the luma of a reduced YCbCr picture is about that of what is shown.

    `bands` are three of the same shape: the luma from 0 to 255, and the colours, which must not
    have been reduced. They are magnified by `colour_gain`, where they have another range.
    """
    boxes = _find_boxes(Image.fromarray(bands[0]))
    return all(_is_part_faithful(_sample(bands, box), colour_gain) for box in boxes)


def _is_part_faithful(samples: Floats, colour_gain: float) -> bool:
    samples = np.clip(_to_rgb(samples, colour_gain), 0, 255)
    luma = _weigh(samples)
    rise = _weigh(np.maximum(samples - luma, 0))
    highest, lowest = samples.max(axis=0), samples.min(axis=0)
    is_clipped = ((highest > _WHITE) | (lowest < _BLACK)) & (highest - lowest >= _NEUTRAL)
    rise[is_clipped] = _MAX_RISE
    return _is_small(rise * np.abs(1 - luma / 127.5), luma)


def is_faithful_mix(picture: Image.Image) -> bool:
    """Say whether an RGBA picture over white and over black has about the luma that is shown.

    Over white, colours below the range darken what is seen; over black, those above it lighten it.
    """
    grey, alpha = picture.convert("L"), picture.getchannel("A")
    bands = _read_bands(picture)
    for background in (255, 0):
        shown = Image.new("L", picture.size, background)
        shown.paste(grey, mask=alpha)
        for box in _find_boxes(shown):
            luma, *channels, opacity = _sample([np.asarray(shown), *bands], box)
            is_clipped = np.abs(np.stack(channels) - background) > _WHITE
            if not _is_small(_weigh(is_clipped * (255 - opacity)), luma):
                return False
    return True


def _read_bands(picture: Image.Image) -> list[NDArray[np.uint8]]:
    """Return each channel of a picture. Splitting it first takes twice as long."""
    width, height = picture.size
    packed = (picture.tobytes("raw", one) for one in picture.getbands())
    return [np.frombuffer(one, np.uint8).reshape(height, width) for one in packed]


def _find_boxes(luma: Image.Image) -> Iterator[Box]:
    """Yield the parts of a picture that are compared: all of it, and what is inside borders."""
    yield (0, 0, *luma.size)
    inner = find_inner(luma)
    if inner is not None:
        yield inner


def _is_small(doubt: Floats, luma: Floats) -> bool:
    return _spread(doubt) <= _MAX_DOUBT * _spread(luma)


def _weigh(channels: Floats) -> Floats:
    red, green, blue = channels
    luma: Floats = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma


def _to_rgb(samples: Floats, colour_gain: float) -> Floats:
    """Convert YCbCr of shape (3, …) as JFIF 1.02 defines it, without clipping."""
    luma, blues, reds = samples[0], *(colour_gain * (samples[1:] - 128))
    return np.stack(
        (luma + 1.402 * reds, luma - 0.344 * blues - 0.714 * reds, luma + 1.772 * blues)
    )


def _sample(bands: Sequence[NDArray[np.uint8]], box: Box) -> Floats:
    """Return one random pixel of each part of a box, of shape (bands, rows, columns)."""
    left, top, right, bottom = box
    count = _CELLS * _SAMPLES
    # The same file is always looked at in the same places.
    generator = np.random.default_rng(xxh3_64_intdigest(bands[0].data))
    down = (np.arange(count)[:, None] + generator.random((count, count))) / count
    across = (np.arange(count) + generator.random((count, count))) / count
    rows = (top + down * (bottom - top)).astype(np.intp)
    columns = (left + across * (right - left)).astype(np.intp)
    return np.stack([one[rows, columns] for one in bands]).astype(np.float32)


def _spread(samples: Floats) -> float:
    cells = samples.reshape(_CELLS, _SAMPLES, _CELLS, _SAMPLES).mean(axis=(1, 3))
    return float(cells.std())
