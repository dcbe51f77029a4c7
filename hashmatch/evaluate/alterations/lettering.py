"""Lettering: made-up lines of text, and their drawing with Pillow's own font."""

from __future__ import annotations

from functools import cache

from PIL import ImageDraw, ImageFont

from .interface import Surroundings

_WORDS = (
    "a", "about", "afternoon", "again", "and", "at", "back", "before", "bring", "bus", "coffee",
    "day", "dinner", "every", "for", "found", "friday", "from", "garden", "good", "have", "home",
    "how", "in", "is", "it", "just", "know", "last", "later", "look", "made", "maybe", "morning",
    "never", "new", "nice", "now", "of", "old", "on", "only", "photo", "please", "really", "see",
    "so", "some", "still", "summer", "that", "the", "then", "there", "this", "time", "to", "today",
    "we", "weather", "weekend", "what", "when", "where", "with", "works", "you",
)  # fmt: skip
_NAMES = ("Alex", "Kim", "Robin", "Sam", "Charlie", "Noor", "Jo", "Mika")


@cache
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font at that size."""
    return ImageFont.load_default(size_px)


def words(surroundings: Surroundings, count: int) -> str:
    """Return a made-up sentence of that many words."""
    return " ".join(surroundings.one_of(_WORDS) for _ in range(count)).capitalize()


def name(surroundings: Surroundings) -> str:
    """Return a made-up name of a person."""
    return surroundings.one_of(_NAMES)


def clock(surroundings: Surroundings) -> str:
    """Return a time of day, as 17:05."""
    return f"{surroundings.whole(0, 23)}:{surroundings.whole(0, 59):02}"


def width_of(text: str, size_px: int) -> int:
    """Return the width in pixels of a line of text."""
    left, _, right, _ = font(size_px).getbbox(text)
    return int(right - left)


def wrapped(text: str, size_px: int, width_px: int) -> list[str]:
    """Return the lines of a text that is no wider than that, as far as its words allow."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size_px) > width_px:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size_px: int,
    colour: str | tuple[int, ...],
    *,
    anchor: str = "la",
    outline: int = 0,
) -> None:
    """Draw a line of text, with a black outline of that width in pixels."""
    draw.text(
        place, text, colour, font(size_px), anchor, stroke_width=outline, stroke_fill="black"
    )  # fmt: skip
