"""Screenshots and posts: the picture as phones, messengers and web pages show it."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from .interface import Alteration, Draw, Group, Surroundings
from .lettering import clock, name, width_of, words, wrapped, write

_PHONES = ((1080, 2340), (1080, 2400), (1170, 2532), (1080, 1920))


@dataclass(frozen=True, slots=True)
class _Theme:
    """Colours of a screen."""

    background: tuple[int, int, int]
    surface: tuple[int, int, int]
    text: tuple[int, int, int]
    faint: tuple[int, int, int]


_DARK = _Theme((0, 0, 0), (28, 28, 30), (240, 240, 240), (140, 140, 145))
_LIGHT = _Theme((255, 255, 255), (242, 242, 247), (20, 20, 20), (130, 130, 135))
_DIM = _Theme((21, 32, 43), (30, 42, 54), (235, 235, 235), (136, 153, 166))


def _status_bar(draw: ImageDraw.ImageDraw, width: int, theme: _Theme, shown: str) -> None:
    """Draw the time, bars of signal and a battery along the top of a phone's screen."""
    write(draw, (60, 28), shown, 40, theme.text)
    for number in range(4):
        left = width - 250 + number * 16
        draw.rectangle((left, 60 - number * 8, left + 10, 66), fill=theme.text)
    draw.rounded_rectangle((width - 130, 34, width - 60, 66), 8, outline=theme.text, width=3)
    draw.rectangle((width - 125, 39, width - 85, 61), fill=theme.text)


def _icon(draw: ImageDraw.ImageDraw, x: int, y: int, kind: int, colour: tuple[int, ...]) -> None:
    """Draw one of some buttons, 60 pixels large, about a place."""
    match kind % 4:
        case 0:
            draw.ellipse((x - 30, y - 30, x + 30, y + 30), outline=colour, width=5)
        case 1:
            draw.polygon(
                ((x, y + 30), (x - 32, y - 6), (x - 16, y - 28), (x, y - 14), (x + 16, y - 28),
                 (x + 32, y - 6)), outline=colour, width=5,
            )  # fmt: skip
        case 2:
            draw.rounded_rectangle((x - 30, y - 20, x + 30, y + 30), 6, outline=colour, width=5)
            draw.line((x, y + 10, x, y - 38), fill=colour, width=5)
        case _:
            for offset in (-22, 0, 22):
                draw.ellipse((x + offset - 6, y - 6, x + offset + 6, y + 6), fill=colour)


def _viewer(theme: _Theme, *, has_strip: bool) -> Draw:
    """Return a screenshot of a phone's gallery, with the picture between its bars."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        width, height = surroundings.one_of(_PHONES)
        screen = Image.new("RGB", (width, height), theme.background)
        pen = ImageDraw.Draw(screen)
        _status_bar(pen, width, theme, clock(surroundings))
        write(pen, (width / 2, 110), name(surroundings), 44, theme.text, anchor="ma")
        write(pen, (width / 2, 164), clock(surroundings), 32, theme.faint, anchor="ma")
        pen.line(((70, 130), (45, 155), (70, 180)), fill=theme.text, width=6)
        shown = ImageOps.contain(picture, (width, height - 620), Image.Resampling.BICUBIC)
        screen.paste(shown, ((width - shown.width) // 2, (height - shown.height) // 2))
        if has_strip:
            _strip(screen, surroundings, height - 300)
        for number in range(4):
            x = width * (2 * number + 1) // 8
            _icon(pen, x, height - 130, number, theme.text)
        pen.rounded_rectangle(
            (width // 2 - 180, height - 30, width // 2 + 180, height - 20), 5, fill=theme.text
        )
        return screen

    return draw


def _strip(screen: Image.Image, surroundings: Surroundings, top: int) -> None:
    """Paste a row of small pictures, the neighbours in the gallery."""
    other = ImageOps.fit(surroundings.companion(), (560, 80))
    for left in range(20, screen.width - 80, 88):
        part = other.crop((left % 480, 0, left % 480 + 80, 80))
        screen.paste(part, (left, top))


def _viewer_on_its_side(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
    """Return a screenshot of a phone lying on its side, with buttons over the black beside."""
    height, width = surroundings.one_of(_PHONES)
    screen = Image.new("RGB", (width, height), _DARK.background)
    pen = ImageDraw.Draw(screen)
    shown = ImageOps.contain(picture, (width - 360, height), Image.Resampling.BICUBIC)
    screen.paste(shown, ((width - shown.width) // 2, (height - shown.height) // 2))
    for number in range(4):
        _icon(pen, width - 80, height * (2 * number + 1) // 8, number, _DARK.text)
    write(pen, (60, 30), clock(surroundings), 36, _DARK.text)
    return screen


def _post(theme: _Theme) -> Draw:
    """Return a post of a social network: who it is from, the picture, icons and a caption."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        width = 1080
        margin = surroundings.one_of((0, 30, 120))
        shown = ImageOps.contain(picture, (width - 2 * margin, 1350), Image.Resampling.BICUBIC)
        caption = wrapped(words(surroundings, surroundings.whole(6, 24)), 36, width - 160)
        screen = Image.new(
            "RGB", (width, 180 + shown.height + 190 + 50 * len(caption)), theme.background
        )
        pen = ImageDraw.Draw(screen)
        hue = tuple(surroundings.whole(60, 220) for _ in range(3))
        pen.ellipse((40, 40, 140, 140), fill=hue)
        write(pen, (165, 48), name(surroundings), 40, theme.text)
        write(pen, (165, 98), f"{surroundings.whole(2, 23)} h", 30, theme.faint)
        _icon(pen, width - 70, 90, 3, theme.faint)
        screen.paste(shown, ((width - shown.width) // 2, 180))
        top = 180 + shown.height
        for number in range(3):
            _icon(pen, 80 + 110 * number, top + 70, number, theme.text)
        likes = f"{surroundings.whole(3, 900)} likes"
        write(pen, (40, top + 122), likes, 34, theme.text)
        for number, line in enumerate(caption):
            write(pen, (40, top + 176 + 50 * number), line, 36, theme.text)
        return screen

    return draw


def _meme(*, above: bool, below: bool) -> Draw:
    """Return the picture with black text on white bars."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        size = max(18, picture.width // 16)
        texts = [
            wrapped(words(surroundings, surroundings.whole(4, 12)), size, picture.width - size)
            if one else [] for one in (above, below)
        ]  # fmt: skip
        heights = [round(size * (1.25 * len(lines) + 0.9)) if lines else 0 for lines in texts]
        canvas = Image.new("RGB", (picture.width, picture.height + sum(heights)), "white")
        canvas.paste(picture, (0, heights[0]))
        pen = ImageDraw.Draw(canvas)
        for lines, start in zip(texts, (0, heights[0] + picture.height), strict=True):
            for number, line in enumerate(lines):
                place = (size / 2, start + size * (0.4 + 1.25 * number))
                write(pen, place, line, size, "black")
        return canvas

    return draw


def _chat(theme: _Theme, wallpaper: tuple[int, int, int], own: tuple[int, int, int]) -> Draw:
    """Return a screenshot of a messenger, with the picture in a bubble among others."""

    def draw(picture: Image.Image, surroundings: Surroundings) -> Image.Image:
        width, height = surroundings.one_of(_PHONES)
        screen = Image.new("RGB", (width, height), wallpaper)
        pen = ImageDraw.Draw(screen)
        _pattern(pen, surroundings, screen.size, wallpaper)
        top = 250 + _bubble_of_text(pen, surroundings, theme, 250, width)
        top += _bubble_of_picture(screen, surroundings, picture, top, own)
        while top < height - 320:
            top += _bubble_of_text(pen, surroundings, theme, top, width)
        pen.rectangle((0, 0, width, 220), fill=theme.surface)
        _status_bar(pen, width, theme, clock(surroundings))
        pen.ellipse((110, 105, 200, 195), fill=own)
        write(pen, (225, 125), name(surroundings), 44, theme.text)
        pen.rectangle((0, height - 150, width, height), fill=theme.surface)
        pen.rounded_rectangle(
            (100, height - 125, width - 130, height - 45), 40, fill=theme.background
        )
        _icon(pen, width - 65, height - 85, 0, theme.faint)
        return screen

    return draw


def _pattern(
    pen: ImageDraw.ImageDraw, surroundings: Surroundings, size: tuple[int, int],
    colour: tuple[int, int, int],
) -> None:  # fmt: skip
    """Draw faint little shapes all over the background of a chat."""
    step = 12 if sum(colour) > 300 else -12
    fainter = tuple(max(0, one - step) for one in colour)
    for y in range(60, size[1], 120):
        for x in range(60 + y // 2 % 60, size[0], 120):
            _icon(pen, x + surroundings.whole(-20, 20), y, surroundings.whole(0, 3), fainter)


def _bubble_of_text(
    pen: ImageDraw.ImageDraw, surroundings: Surroundings, theme: _Theme, top: int, width: int
) -> int:
    """Draw a message on the left; return the height that it takes."""
    lines = wrapped(words(surroundings, surroundings.whole(2, 16)), 40, width * 2 // 3)
    right = 90 + max(width_of(line, 40) for line in lines)
    bottom = top + 52 * len(lines) + 40
    pen.rounded_rectangle((30, top, right, bottom), 30, fill=theme.surface)
    for number, line in enumerate(lines):
        write(pen, (60, top + 18 + 52 * number), line, 40, theme.text)
    return bottom + 24 - top


def _bubble_of_picture(
    screen: Image.Image, surroundings: Surroundings, picture: Image.Image, top: int,
    colour: tuple[int, int, int],
) -> int:  # fmt: skip
    """Draw the picture as a message, its corners rounded and the time in one; return the height."""
    wide = round(screen.width * surroundings.between(0.62, 0.78))
    shown = ImageOps.contain(picture, (wide, screen.height // 2), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(shown, "RGBA")
    right, below = shown.size
    pen.rounded_rectangle((right - 150, below - 64, right - 14, below - 14), 22, (0, 0, 0, 110))
    write(pen, (right - 82, below - 40), clock(surroundings), 32, "white", anchor="mm")
    mask = Image.new("L", shown.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, right - 1, below - 1), 28, fill=255)
    left = 40 if surroundings.whole(0, 1) else screen.width - 40 - right
    ImageDraw.Draw(screen).rounded_rectangle(
        (left - 10, top, left + right + 10, top + below + 20), 36, fill=colour
    )
    screen.paste(shown, (left, top + 10), mask)
    return below + 44


ALTERATIONS = (
    Alteration("phone viewer, dark", Group.SCREENS, _viewer(_DARK, has_strip=False)),
    Alteration("phone viewer, light", Group.SCREENS, _viewer(_LIGHT, has_strip=True)),
    Alteration("phone viewer, on its side", Group.SCREENS, _viewer_on_its_side),
    Alteration("web post, white", Group.SCREENS, _post(_LIGHT)),
    Alteration("web post, dark", Group.SCREENS, _post(_DIM)),
    Alteration("meme bar above", Group.SCREENS, _meme(above=True, below=False)),
    Alteration("meme bar below", Group.SCREENS, _meme(above=False, below=True)),
    Alteration("meme bars above and below", Group.SCREENS, _meme(above=True, below=True)),
    Alteration("chat, light", Group.CHAT, _chat(_LIGHT, (229, 221, 213), (217, 253, 211))),
    Alteration("chat, dark", Group.CHAT, _chat(_DARK, (14, 22, 33), (43, 82, 120))),
)
