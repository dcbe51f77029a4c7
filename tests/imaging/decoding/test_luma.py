"""Colours that no screen can show: whether the stored brightness is what is seen."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from hashmatch.imaging.decoding.luma import find_faithful_luma
from hashmatch.synthetic import draw_picture

PICTURE = draw_picture(1, 256, 192)


def _with_hidden_darkness() -> Image.Image:
    """Return a bright picture of little contrast, with a reddening that clips half of it."""
    grey = PICTURE.convert("L").point(lambda level: 205 + level // 10)
    reds = np.where(np.arange(256) % 64 < 32, 250, 128).astype(np.uint8)
    red = Image.fromarray(np.tile(reds, (192, 1)))
    return Image.merge("YCbCr", (grey, Image.new("L", grey.size, 128), red.convert("L")))


def _in_frame(picture: Image.Image) -> Image.Image:
    """Return a bright picture in a black frame, which has more contrast than the picture."""
    return ImageOps.expand(picture, 120, (0, 128, 128))


def test_the_luma_of_an_ordinary_picture_is_what_is_seen() -> None:
    ordinary = PICTURE.convert("YCbCr")
    assert find_faithful_luma(ordinary) == ordinary.getchannel("Y")
    assert find_faithful_luma(_in_frame(ordinary)) is not None


def test_a_frame_of_more_contrast_excuses_no_clipped_colours() -> None:
    hidden = _with_hidden_darkness()
    assert find_faithful_luma(hidden) is None
    assert find_faithful_luma(_in_frame(hidden)) is None
