"""Photographs of screens: bezel, slant, stripes, glare, noise and a room around."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from .interface import Alteration, Draw, Group, Surroundings
from .pixels import (
    Floats,
    noise,
    places,
    smooth_field,
    to_floats,
    to_picture,
)
from .shapes import corners_of, projected

_PHOTOGRAPH_SIZE = (1024, 768)


@dataclass(frozen=True, slots=True)
class _Scene:
    """Screen in a room: its size in the photograph, its slant, and the light of the room."""

    screen_share: float
    slant: float
    room: float
    glare: float
    is_full_screen: bool


def _photographed(scene: _Scene) -> Draw:
    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        screen = _full_screen(picture) if scene.is_full_screen else _viewer(picture, surroundings)
        width, height = _PHOTOGRAPH_SIZE
        shown, mask = _placed(screen, surroundings, scene)
        room = scene.room * (1 + 0.5 * smooth_field(surroundings.generator, 4, width, height))
        pixels = to_floats(shown) * mask + room[..., None] * (1 - mask)
        pixels = pixels * (1 + _stripes(surroundings, width, height) * mask)
        pixels = pixels + scene.glare * _glare(surroundings, width, height)
        pixels = to_floats(to_picture(pixels).filter(ImageFilter.GaussianBlur(0.8)))
        return to_picture(pixels * 0.92 + 10 + noise(surroundings.generator, pixels.shape, 6))

    return draw


def _full_screen(picture: Image.Image) -> Image.Image:
    """Return a screen that shows nothing but the picture, within a thin black bezel."""
    shown = ImageOps.contain(picture, (1120, 800), Image.Resampling.BICUBIC)
    return ImageOps.expand(shown, 14, (6, 6, 6))


def _viewer(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return a monitor: a dark bezel, and the picture in its middle over a dark viewer."""
    width, height = 1120, 700
    screen = Image.new("RGB", (width, height), (24, 24, 26))
    pen = ImageDraw.Draw(screen)
    pen.rectangle((24, 24, width - 24, height - 24), fill=(38, 38, 42))
    shown = ImageOps.contain(picture, (width - 90, height - 90), Image.Resampling.BICUBIC)
    top = (height - shown.height) // 2
    screen.paste(shown, ((width - shown.width) // 2, top))
    for number in range(3):
        left = width - 60 - 26 * number
        pen.ellipse((left, 28, left + 14, 42), fill=(surroundings.whole(90, 160),) * 3)
    return screen


def _placed(
    screen: Image.Image, surroundings: Surroundings, scene: _Scene
) -> tuple[Image.Image, Floats]:
    """Return the screen as seen at a slant, and where it is (1 on it), with a third axis."""
    width, height = _PHOTOGRAPH_SIZE
    scale = scene.screen_share * min(width / screen.width, height / screen.height)
    across, down = screen.width * scale, screen.height * scale
    left, top = (width - across) / 2, (height - down) / 2
    corners = []
    for x, y in ((left, top), (left + across, top), (left + across, top + down),
                 (left, top + down)):  # fmt: skip
        moved = (surroundings.between(-scene.slant, scene.slant) for _ in range(2))
        corners.append((x + next(moved) * across, y + next(moved) * down))
    source, target = corners_of(screen.size), tuple(corners)
    shown = projected(screen, source, target, _PHOTOGRAPH_SIZE)
    mask = projected(Image.new("L", screen.size, 255), source, target, _PHOTOGRAPH_SIZE)
    on_it: Floats = np.asarray(mask, np.float32)[..., None] / np.float32(255)
    return shown, on_it


def _stripes(surroundings: Surroundings, width: int, height: int) -> Floats:
    """Return the pattern in which the grids of screen and camera interfere."""
    x, y = places(width, height)
    pattern = np.zeros((height, width, 3), np.float32)
    for channel in range(3):
        angle, wave = surroundings.between(0, 3.1), surroundings.between(5, 14)
        along = np.float32(6.283 / wave * math.cos(angle))
        across = np.float32(6.283 / wave * math.sin(angle))
        pattern[..., channel] = 0.07 * np.sin(x * along + y * across)
    # The frequency of the lamp, in dark bands over the screen.
    wave = height * surroundings.between(0.3, 0.6)
    pattern += 0.05 * np.sin(y * np.float32(6.283 / wave))[..., None]
    return pattern


def _glare(surroundings: Surroundings, width: int, height: int) -> Floats:
    """Return the soft reflection of a lamp, with a third axis."""
    x, y = places(width, height)
    middle = surroundings.between(0.25, 0.75) * width, surroundings.between(0.2, 0.6) * height
    away = ((x - middle[0]) / (0.16 * width)) ** 2 + ((y - middle[1]) / (0.12 * height)) ** 2
    result: Floats = np.exp(-away, dtype=np.float32)[..., None]
    return result


ALTERATIONS = (
    Alteration("photograph of a screen", Group.PHOTOGRAPH_OF_SCREEN,
               _photographed(_Scene(0.94, 0.008, 4, 25, is_full_screen=True))),
    Alteration("photograph of a screen, at a slant", Group.PHOTOGRAPH_OF_SCREEN,
               _photographed(_Scene(0.8, 0.02, 50, 45, is_full_screen=False))),
)  # fmt: skip
