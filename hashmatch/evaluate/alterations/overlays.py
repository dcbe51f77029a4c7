"""Parts covered or replaced: text, watermarks, logos, stickers, bars, patches, backgrounds."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from .interface import Alteration, Draw, Group, Surroundings
from .lettering import words, wrapped, write


def _small_text(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the picture with a line of small text at its lower edge."""
    result = picture.copy()
    size = max(10, picture.height // 32)
    place = (picture.width / 2, picture.height - 2 * size)
    line = wrapped(words(surroundings, 6), size, round(picture.width * 0.9))[0]
    write(ImageDraw.Draw(result), place, line, size, "white", anchor="ma", outline=1)
    return result


def _large_text(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the picture with large capitals across its upper and lower part."""
    result = picture.copy()
    pen = ImageDraw.Draw(result)
    size = max(16, picture.height // 8)
    for share in (0.03, 0.82):
        line = wrapped(words(surroundings, 5).upper(), size, picture.width)[0]
        place = (picture.width / 2, picture.height * share)
        write(pen, place, line, size, "white", anchor="ma", outline=max(2, size // 12))
    return result


def _watermarked(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the picture under faint text, tiled and slanting."""
    side = round(math.hypot(*picture.size))
    layer = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(layer)
    size = max(12, picture.height // 22)
    text = words(surroundings, 2)
    for row, y in enumerate(range(0, side, 4 * size)):
        for x in range(-(row % 2) * 4 * size, side, 9 * size):
            write(pen, (x, y), text, size, (80,))
    mask = ImageOps.fit(layer.rotate(30), (side, side)).crop((0, 0, *picture.size))
    result = picture.copy()
    result.paste("white", mask=mask)
    return result


def _box_of(
    picture: Image.Image, surroundings: Surroundings, share: float, proportion: float = 1.0
) -> tuple[int, int, int, int]:
    """Return a box of that share of the area, anywhere; `proportion` is its width by its height.

    The proportion is relative to that of the picture.
    """
    width = min(picture.width, round(picture.width * math.sqrt(share * proportion)))
    height = min(picture.height, round(picture.height * math.sqrt(share / proportion)))
    left = surroundings.whole(0, picture.width - width)
    top = surroundings.whole(0, picture.height - height)
    return left, top, left + width, top + height


def _logo(share: float) -> Draw:
    """Return an opaque sign with a word, over that share of the picture."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        result = picture.copy()
        pen = ImageDraw.Draw(result)
        left, top, right, bottom = _box_of(picture, surroundings, share, 1.6)
        colour = tuple(surroundings.whole(0, 255) for _ in range(3))
        text = "white" if sum(colour) < 380 else "black"
        pen.rounded_rectangle((left, top, right, bottom), (bottom - top) // 6, fill=colour)
        size = max(8, (bottom - top) // 3)
        middle = ((left + right) / 2, (top + bottom) / 2)
        write(pen, middle, words(surroundings, 1), size, text, anchor="mm")
        return result

    return draw


def _sticker(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the picture with a yellow face over 15 % of it."""
    result = picture.copy()
    pen = ImageDraw.Draw(result)
    radius = round(math.sqrt(0.15 * picture.width * picture.height / math.pi))
    x = surroundings.whole(radius, max(radius, picture.width - radius))
    y = surroundings.whole(radius, max(radius, picture.height - radius))
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), (255, 204, 50), "black", 4)
    for side in (-1, 1):
        eye = (x + side * radius * 0.38, y - radius * 0.25)
        size = radius * 0.12
        pen.ellipse((eye[0] - size, eye[1] - size, eye[0] + size, eye[1] + size), fill="black")
    mouth = (x - radius * 0.55, y - radius * 0.4, x + radius * 0.55, y + radius * 0.6)
    pen.arc(mouth, 20, 160, fill="black", width=max(3, radius // 12))
    return result


def _black_bar(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    result = picture.copy()
    box = _box_of(picture, surroundings, 0.04, 3)
    ImageDraw.Draw(result).rectangle(box, fill="black")
    return result


def _patch(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the picture with 15 % of it drawn again, in its colours and with soft edges."""
    box = _box_of(picture, surroundings, 0.15)
    size = (box[2] - box[0], box[3] - box[1])
    other = ImageOps.fit(surroundings.companion(), size)
    before = np.asarray(picture.crop(box), np.float32)
    pixels = np.asarray(other, np.float32)
    pixels = pixels + before.mean((0, 1)) - pixels.mean((0, 1))
    result = picture.copy()
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle(box, min(size) // 8, fill=255)
    layer = picture.copy()
    layer.paste(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), box)
    result.paste(layer, mask=mask.filter(ImageFilter.GaussianBlur(4)))
    return result


def _background_exchanged(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return the middle of the picture, roughly a person's outline, before another picture."""
    width, height = picture.size
    result = ImageOps.fit(surroundings.companion(), picture.size)
    mask = Image.new("L", picture.size, 0)
    pen = ImageDraw.Draw(mask)
    pen.ellipse((width * 0.36, height * 0.1, width * 0.64, height * 0.5), fill=255)
    pen.rounded_rectangle(
        (width * 0.25, height * 0.42, width * 0.75, height * 1.2), width // 6, fill=255
    )
    result.paste(picture, mask=mask.filter(ImageFilter.GaussianBlur(5)))
    return result


ALTERATIONS = (
    Alteration("small text", Group.TEXT, _small_text),
    Alteration("large text", Group.TEXT, _large_text),
    Alteration("tiled watermark", Group.TEXT, _watermarked),
    *(Alteration(f"logo over {one * 100:g} %", Group.COVERED, _logo(one))
      for one in (0.05, 0.1, 0.25)),
    Alteration("sticker over 15 %", Group.COVERED, _sticker),
    Alteration("black bar over 4 %", Group.COVERED, _black_bar),
    Alteration("patch of 15 % drawn again", Group.REDRAWN, _patch),
    Alteration("background exchanged", Group.REDRAWN, _background_exchanged),
)  # fmt: skip
