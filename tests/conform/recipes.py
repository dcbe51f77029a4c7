"""Recipes: files drawn from named features, so that a file that fails can be made simpler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hashmatch.synthetic import draw_picture

Pixels: TypeAlias = NDArray[np.uint8]
Features: TypeAlias = Mapping[str, Any]

SIZES = ((160, 120), (128, 128), (97, 131), (200, 90))
# Of every feature the usual value is the most frequent by far, or no file would be drawn in which
# one feature alone is unusual.
_USUAL_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: by feature its values, the usual one first, and the writer."""

    name: str
    features: Mapping[str, tuple[Any, ...]]
    write: Callable[[Features], bytes]
    # The features that damage a file with any value but the usual one.
    damage: frozenset[str] = frozenset()

    def is_damaged(self, features: Features) -> bool:
        """Say whether a file breaks the rules of its format."""
        return any(features[name] != self.features[name][0] for name in self.damage)

    def draw(self, random: Random) -> dict[str, Any]:
        """Return the features of a random file."""
        return {
            name: values[0] if random.random() < _USUAL_SHARE else random.choice(values)
            for name, values in self.features.items()
        } | {"seed": random.randrange(1, 40)}

    def shrink(self, features: Features, still_fails: Callable[[bytes], bool]) -> dict[str, Any]:
        """Return the features without those that the failure does not need."""
        kept = dict(features)
        for name, values in self.features.items():
            simpler = {**kept, name: values[0]}
            if kept[name] != values[0] and still_fails(self.write(simpler)):
                kept = simpler
        return {name: one for name, one in kept.items() if self.features.get(name, ("",))[0] != one}


@lru_cache(maxsize=256)
def picture(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return the drawn picture of a seed, which nobody may change."""
    return draw_picture(seed, *size)


def pixels(seed: int, size: tuple[int, int]) -> Pixels:
    """Return a drawn picture as an array of shape (height, width, 3)."""
    return np.array(picture(seed, size))


def alpha(pattern: str, seed: int, size: tuple[int, int]) -> Pixels:
    """Return an alpha channel of shape (height, width)."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    inside = (abs(x - width / 2) < width / 5) & (abs(y - height / 2) < height / 5)
    drawn: dict[str, Callable[[], Pixels]] = {
        "opaque": lambda: np.full((height, width), 255, np.uint8),
        "hole": lambda: np.where(inside, 0, 255).astype(np.uint8),
        "fade": lambda: np.array(x * 255 // width, np.uint8),
        "checks": lambda: np.where((x + y) % 2, 255, 0).astype(np.uint8),
        "other picture": lambda: np.array(picture(seed + 50, size).convert("L")),
        "nothing": lambda: np.zeros((height, width), np.uint8),
    }
    return drawn[pattern]()


ALPHAS = ("opaque", "hole", "fade", "checks", "other picture", "nothing")
