"""Drawn pictures as people alter them: turned, mirrored, in screenshots, posts and collages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from hashmatch.synthetic import draw_picture
from tests.pictures import encoded

_PAPER, _INK = (245, 245, 247), (40, 40, 45)
_LINE_HEIGHT = 18


def as_file(picture: Image.Image) -> bytes:
    """Return a picture as most uploads are."""
    return encoded(picture, "JPEG", quality=90)


def screenshot(seed: int, width: int = 480, height: int = 960) -> Image.Image:
    """Return a phone's viewer with the drawn picture in it, between bars with symbols."""
    screen = Image.new("RGB", (width, height), (18, 18, 20))
    picture = draw_picture(seed, width, width * 3 // 4)
    screen.paste(picture, (0, (height - picture.height) // 2))
    draw = ImageDraw.Draw(screen)
    for x in (20, width - 60, width - 110):
        draw.rectangle((x, 12, x + 30, 24), fill=(230, 230, 230))
        draw.ellipse((x, height - 60, x + 34, height - 26), fill=(90, 140, 250))
    return screen


def post(seed: int) -> Image.Image:
    """Return a web page with lines of text around the drawn picture, and others beside it."""
    page = Image.new("RGB", (900, 800), _PAPER)
    picture = draw_picture(seed).resize((560, 420))
    page.paste(picture, (60, 180))
    draw = ImageDraw.Draw(page)
    rng = np.random.default_rng(seed)
    _write_lines(draw, rng, (60, 60, 560, 90))
    _write_lines(draw, rng, (60, 630, 560, 120))
    _write_lines(draw, rng, (660, 60, 200, 640))
    return page


def collage(seed: int) -> Image.Image:
    """Return four drawn pictures in two rows, the one of that seed at the top right."""
    sheet = Image.new("RGB", (960, 720))
    for place, one in enumerate((seed + 100, seed, seed + 101, seed + 102)):
        sheet.paste(draw_picture(one).resize((480, 360)), (place % 2 * 480, place // 2 * 360))
    return sheet


def framed(seed: int) -> Image.Image:
    """Return the drawn picture in three borders of one colour each."""
    picture = draw_picture(seed)
    for colour, width in (("white", 30), ("navy", 24), ("beige", 40)):
        picture = ImageOps.expand(picture, width, colour)
    return picture


def _write_lines(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[int, int, int, int]
) -> None:
    """Draw words as bars, in lines that fill a box given by its place and size."""
    left, top, width, height = box
    for y in range(top, top + height - _LINE_HEIGHT // 2, _LINE_HEIGHT):
        x = left
        while (end := x + int(rng.integers(12, 60))) < left + width:
            draw.rectangle((x, y, end, y + 8), fill=_INK)
            x = end + 8


ALTERATIONS: dict[str, Callable[[int], Image.Image]] = {
    "turned left": lambda seed: draw_picture(seed).transpose(Image.Transpose.ROTATE_90),
    "turned right": lambda seed: draw_picture(seed).transpose(Image.Transpose.ROTATE_270),
    "upside down": lambda seed: draw_picture(seed).transpose(Image.Transpose.ROTATE_180),
    "mirrored": lambda seed: ImageOps.mirror(draw_picture(seed)),
    "mirrored about the diagonal": lambda seed: draw_picture(seed).transpose(
        Image.Transpose.TRANSPOSE
    ),
    "inverted": lambda seed: ImageOps.invert(draw_picture(seed)),
    "framed": framed,
    "screenshot": screenshot,
    "post": post,
    "collage": collage,
}
