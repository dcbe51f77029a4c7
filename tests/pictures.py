"""Drawn pictures as files, as hashes and as list files."""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any, get_args

import numpy as np
from PIL import Image
from pillow_heif import from_pillow

from hashmatch.config import ImageFormat
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.imaging import Hashing, InProcessIntake, Limits, Reading, load_jxl
from hashmatch.synthetic import draw_picture

GENEROUS = Limits(
    max_bytes=10**8,
    max_pixels=10**8,
    max_side=10**6,
    max_frames=1000,
    max_distinct_frames=1000,
    frames_timeout_s=60.0,
    max_metadata_bytes=10**7,
    max_nesting=8,
    formats=get_args(ImageFormat),
)


def encoded(picture: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    """Return the picture as a file; `append_images` hold further frames where a format has them."""
    stream = io.BytesIO()
    match image_format:
        case "HEIF":
            heif = from_pillow(picture)
            for other in options.pop("append_images", ()):
                heif.add_from_pillow(other)
            quick = {"enc_params": {"preset": "ultrafast"}}
            heif.save(stream, **{"quality": -1, **quick, **options})
        case "AVIF":
            picture.save(stream, "AVIF", **{"speed": 10, **options})
        case "JXL":
            load_jxl()
            picture.save(stream, "JXL", **{"effort": 1, **options})
        case "PSD":
            return _as_psd(picture.convert("RGB"))
        case "ICO":
            # The largest size that an icon has room for.
            small = picture.resize((256, 256))
            small.save(stream, "ICO", **{"sizes": [(256, 256)], **options})
        case _:
            picture.save(stream, image_format, **options)
    return stream.getvalue()


def _as_psd(picture: Image.Image) -> bytes:
    """Return the picture as a Photoshop file without layers, which Pillow only reads."""
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, picture.height, picture.width, 8, 3)
    planes = b"".join(band.tobytes() for band in picture.split())
    return header + bytes(12) + bytes(2) + planes


def drawn(seed: int, image_format: str = "JPEG", **options: object) -> bytes:
    """Return the drawn picture of that seed as a file."""
    if options:
        return encoded(draw_picture(seed), image_format, **options)
    return _drawn_once(seed, image_format)


@cache
def _drawn_once(seed: int, image_format: str) -> bytes:
    return encoded(draw_picture(seed), image_format)


def photograph(seed: int, width: int, height: int) -> Image.Image:
    """Return a drawn picture with the grain of a sensor; a large one is drawn at a quarter."""
    part = 4 if min(width, height) >= 1000 else 1
    drawing = draw_picture(seed, width // part, height // part)
    pixels = np.asarray(drawing.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    grain = np.random.default_rng(seed).integers(-9, 10, (height, width, 1), np.int16)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def read(
    data: bytes, *algorithms: str, limits: Limits = GENEROUS, hashing: Hashing | None = None
) -> Reading:
    """Return what the intake gets out of a file, by default with every algorithm."""
    return InProcessIntake(limits, hashing).read(data, set(algorithms) or ALGORITHMS.keys())


def hashes_of(seed: int, *algorithms: str) -> dict[str, Hash]:
    """Return the hashes of a drawn picture's JPEG file by algorithm."""
    return {one.algorithm.name: one for one in _hashed_once(seed, algorithms)}


@cache
def _hashed_once(seed: int, algorithms: tuple[str, ...]) -> tuple[Hash, ...]:
    return tuple(read(drawn(seed), *algorithms).hashes)


def list_of(
    *seeds: int, algorithms: tuple[str, ...] = ("pdq",), category: str = "A", header: bool = True
) -> str:
    """Return a CSV list of drawn pictures, whose entries are named after their seeds."""
    rows = [
        f"{name},{one.value.hex()},e{seed},{category}"
        for seed in seeds
        for name, one in hashes_of(seed, *algorithms).items()
    ]
    return "\n".join([*(["algorithm,value,entry_id,category"] if header else []), *rows]) + "\n"
