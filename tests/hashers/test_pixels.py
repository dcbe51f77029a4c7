"""Claims about pixels that are read where Pillow holds them."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from PIL import Image

from hashmatch.hashers import PDQ, PIXEL_HASHERS
from hashmatch.hashers.pixels import pixels_of

_HASHER = next(one for one in PIXEL_HASHERS if one.algorithm is PDQ)
# Odd sides, whose rows Pillow pads, and one of more memory than it takes in one piece.
_SIZES = ((640, 480), (641, 479), (643, 3), (5, 7), (1, 1), (2500, 2000))


def _noise(mode: str, size: tuple[int, int]) -> Image.Image:
    bands = [Image.effect_noise(size, 90 - place) for place in range(len(mode))]
    return Image.merge(mode, bands) if len(bands) > 1 else bands[0]


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_they_are_those_of_an_array_of_the_picture(mode: str, size: tuple[int, int]) -> None:
    picture = _noise(mode, size)
    pixels, copy = pixels_of(picture), np.asarray(picture)
    assert np.array_equal(pixels if mode == "L" else pixels[..., :3], copy)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_has_the_same_hash_as_a_copy_of_its_pixels(mode: str) -> None:
    picture = _noise(mode, (641, 479))
    copy = np.asarray(picture)
    expected = _HASHER.hash_pixels(copy)  # type: ignore[arg-type]
    assert _HASHER.hash_pixels(picture) == expected


def test_they_outlive_the_picture_and_cannot_be_written() -> None:
    pixels = pixels_of(Image.new("L", (640, 480), 7))
    gc.collect()
    others = [Image.new("L", (640, 480), 9) for _ in range(20)]
    assert (pixels == 7).all()
    assert len(others) == 20
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 1
