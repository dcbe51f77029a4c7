"""Collages and pictures in pictures: the picture as one of several."""

from __future__ import annotations

from PIL import Image, ImageOps

from .interface import Alteration, Draw, Group, Surroundings

_GAP = 0.02


def _collage(columns: int, rows: int, *, has_gaps: bool) -> Draw:
    """Return a collage of cells of the picture's size; the others are cut to fit theirs."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        width, height = picture.size
        gap = round(max(picture.size) * _GAP) if has_gaps else 0
        canvas = Image.new(
            "RGB",
            (columns * width + (columns + 1) * gap, rows * height + (rows + 1) * gap),
            surroundings.one_of(("white", "black", "white")),
        )
        own = surroundings.whole(0, columns * rows - 1)
        for cell in range(columns * rows):
            shown = picture
            if cell != own:
                shown = ImageOps.fit(surroundings.companion(), picture.size)
            row, column = divmod(cell, columns)
            canvas.paste(shown, (gap + column * (width + gap), gap + row * (height + gap)))
        return canvas.resize(_of_a_screen(canvas.size), Image.Resampling.BICUBIC)

    return draw


def _of_a_screen(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which collages are stored: no side over 1200 pixels."""
    scale = min(1, 1200 / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def _in_another(share: float) -> Draw:
    """Return the picture over another one, at that share of its width and height."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        canvas = ImageOps.fit(surroundings.companion(), picture.size)
        inside = picture.resize((round(picture.width * share), round(picture.height * share)))
        left = surroundings.whole(0, picture.width - inside.width)
        top = surroundings.whole(0, picture.height - inside.height)
        canvas.paste(inside, (left, top))
        return canvas

    return draw


ALTERATIONS = (
    Alteration("collage 2 × 1", Group.COLLAGE_OF_TWO, _collage(2, 1, has_gaps=False)),
    Alteration("collage 2 × 1 with gaps", Group.COLLAGE_OF_TWO, _collage(2, 1, has_gaps=True)),
    Alteration("collage 1 × 2", Group.COLLAGE_OF_TWO, _collage(1, 2, has_gaps=False)),
    Alteration("collage 2 × 2", Group.COLLAGE_OF_FOUR, _collage(2, 2, has_gaps=False)),
    Alteration("collage 2 × 2 with gaps", Group.COLLAGE_OF_FOUR, _collage(2, 2, has_gaps=True)),
    Alteration("picture in picture, 50 %", Group.PICTURE_IN_PICTURE, _in_another(0.5)),
)
