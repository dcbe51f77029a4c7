"""Files that clients send: pictures in the forms that they come in, and files that are none."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from benchmarks.photographs import encoded
from hashmatch.config import Settings
from hashmatch.hashes import Hash
from hashmatch.imaging import InProcessIntake
from hashmatch.synthetic import draw_picture
from hashmatch.wiring import limits

# Numbers of pictures: those that are listed throughout, those whose listing changes, the others.
LISTED = range(1, 13)
CHANGING = range(101, 117)
UNLISTED = range(201, 225)
# How often each group is asked about; the rest are files that are no whole pictures.
_SHARES = ((LISTED, 0.12), (CHANGING, 0.12), (UNLISTED, 0.66))
_SIZE, _LARGE, _LARGE_SHARE = (640, 480), (4000, 3000), 0.02
_GRAIN = 6.0  # in brightness of 255
ALGORITHMS = ("pdq", "sha256")


@dataclass(frozen=True, slots=True)
class File:
    """A file as a client sends it; `picture` is the number of what it shows, None of nothing."""

    data: bytes
    form: str
    picture: int | None
    is_whole: bool = True


class Files:
    """All files of a run, made once, and a random choice of them as platforms see them."""

    def __init__(self) -> None:
        groups = (LISTED, CHANGING, UNLISTED)
        self._whole = [[list(_forms(one)) for one in group] for group in groups]
        self._large = [_large(group[0]) for group in groups]
        self._damaged = [*_damaged(LISTED[0]), *_damaged(UNLISTED[0]), *_garbage()]

    def choose(self, chance: random.Random) -> File:
        """Return the next file of a client."""
        drawn = chance.random()
        for group, (_, share) in enumerate(_SHARES):
            if drawn < share:
                if chance.random() < _LARGE_SHARE:
                    return self._large[group]
                return chance.choice(chance.choice(self._whole[group]))
            drawn -= share
        return chance.choice(self._damaged)

    def exact(self, picture: int) -> File:
        """Return the file that a picture was listed by."""
        for group, numbers in enumerate((LISTED, CHANGING, UNLISTED)):
            if picture in numbers:
                return self._whole[group][picture - numbers[0]][0]
        raise KeyError(picture)

    def all(self) -> Iterator[File]:
        """Yield each of them."""
        for group in self._whole:
            for forms in group:
                yield from forms
        yield from self._large
        yield from self._damaged


def hashes_of(data: bytes) -> dict[str, Hash]:
    """Return the hashes of a file that lists are made of, by algorithm."""
    reading = InProcessIntake(limits(Settings())).read(data, set(ALGORITHMS))
    found: dict[str, Hash] = {}
    for one in reading.hashes:
        found.setdefault(one.algorithm.name, one)
    return found


def _forms(number: int) -> Iterator[File]:
    """Yield the forms that a picture is seen in, the listed file first."""
    drawn = draw_picture(number, *_SIZE)
    made = {
        "exact": encoded(drawn, "JPEG", quality=90),
        "re-encoded": encoded(drawn, "JPEG", quality=60, progressive=True),
        "png": encoded(drawn, "PNG", compress_level=1),
        "webp": encoded(drawn, "WEBP", quality=75, method=0),
        "resized": encoded(drawn.resize((400, 300)), "JPEG", quality=85),
        "enlarged": encoded(drawn.resize((1280, 960)), "JPEG", quality=85),
        "photograph": encoded(_with_grain(drawn, number), "JPEG", quality=88),
        "animation": _animation(drawn, number),
    }  # fmt: skip
    for form, data in made.items():
        yield File(data, form, number)


def _with_grain(drawn: Image.Image, seed: int) -> Image.Image:
    pixels = np.asarray(drawn).astype(np.float32)
    noise = np.random.default_rng(seed).normal(0, _GRAIN, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def _animation(drawn: Image.Image, number: int) -> bytes:
    """Return a GIF that begins with a plain drawing, and shows the picture in its second frame."""
    # The first frame is a drawing that is sent in no other form: only the second may match. A fixed
    # number of colours by octree, since the better way takes half a second a picture.
    frames = [
        one.quantize(128, Image.Quantize.FASTOCTREE)
        for one in (draw_picture(10_000 + number, 320, 240), drawn.resize((320, 240)))
    ]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def _large(number: int) -> File:
    picture = draw_picture(number, *_SIZE).resize(_LARGE, Image.Resampling.BICUBIC)
    return File(encoded(picture, "JPEG", quality=90), "large", number)


def _damaged(number: int) -> Iterator[File]:
    """Yield files of a picture that end too early."""
    drawn = draw_picture(number, *_SIZE)
    for image_format in ("JPEG", "PNG", "WEBP", "GIF"):
        data = encoded(drawn, image_format)
        for share in (3, 2):
            cut = data[: len(data) * (share - 1) // share]
            yield File(cut, f"truncated {image_format}", number, is_whole=False)


def _garbage() -> Iterator[File]:
    noise = random.Random(1).randbytes(20_000)
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "PNG")
    for data in (
        noise,
        b"plain text\n" * 50,
        stream.getvalue()[:40] + noise,
        b"\xff\xd8\xff" + noise,
    ):
        yield File(data, "garbage", None, is_whole=False)
