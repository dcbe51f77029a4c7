"""Canvas of an animation: how each frame is drawn onto what the frames before it have left.

Sources: GIF89a (1990), PNG (third edition, section 12.7), WebP Container Specification (Google).
Where they leave something open, Chromium 156 decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from PIL import Image

_TRANSPARENT = (0, 0, 0, 0)


class Blend(Enum):
    """Way of drawing a frame: replacing what is below, or over it."""

    SOURCE = auto()
    OVER = auto()


class Disposal(Enum):
    """Treatment of the place of a frame before the next one is drawn."""

    KEEP = auto()
    CLEAR = auto()  # to transparency
    RESTORE = auto()  # to what was there before the frame


@dataclass(frozen=True, slots=True)
class Part:
    """One frame as it is stored: where it lies on the canvas, and how it gets there.

    `still` returns it as a file of its own, which needs no other part.
    """

    left: int
    top: int
    still: Callable[[], bytes]
    blend: Blend = Blend.OVER
    disposal: Disposal = Disposal.KEEP


@dataclass(frozen=True, slots=True)
class Animation:
    """The parts of an animation in order, on a canvas of `width` by `height` pixels."""

    width: int
    height: int
    parts: Sequence[Part]

    def frames(self, decode: Callable[[bytes], Image.Image]) -> Iterator[Image.Image]:
        """Yield every frame in order as an RGBA picture of the canvas, which nobody may change.

        `decode` returns the picture of a file in mode RGBA, and may raise anything.
        """
        canvas = Image.new("RGBA", (self.width, self.height), _TRANSPARENT)
        for part in self.parts:
            picture = decode(part.still())
            shown = canvas.copy()
            box = _draw(shown, picture, part)
            yield shown
            if part.disposal is Disposal.KEEP:
                canvas = shown
            elif part.disposal is Disposal.CLEAR:
                canvas = shown.copy()
                canvas.paste(_TRANSPARENT, box)


def _draw(canvas: Image.Image, picture: Image.Image, part: Part) -> tuple[int, int, int, int]:
    """Draw a part, of which nothing outside the canvas is seen; return its place."""
    right = min(part.left + picture.width, canvas.width)
    bottom = min(part.top + picture.height, canvas.height)
    box = (min(part.left, right), min(part.top, bottom), right, bottom)
    inside = picture.crop((0, 0, box[2] - box[0], box[3] - box[1]))
    if part.blend is Blend.OVER:
        inside = Image.alpha_composite(canvas.crop(box), inside)
    canvas.paste(inside, box)
    return box
