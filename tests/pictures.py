"""Drawn pictures as files, as hashes and as list files."""

from __future__ import annotations

import io

from PIL import Image

from hashmatch.drawing import draw_picture
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.imaging import InProcessIntake, Limits, Reading

GENEROUS = Limits(
    max_bytes=10**8,
    max_pixels=10**8,
    max_frames=32,
    formats=("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"),
)


def encoded(picture: Image.Image, image_format: str = "PNG", **options: object) -> bytes:
    """Return the picture as a file."""
    stream = io.BytesIO()
    picture.save(stream, image_format, **options)
    return stream.getvalue()


def drawn(seed: int, image_format: str = "JPEG", **options: object) -> bytes:
    """Return the drawn picture of that seed as a file."""
    return encoded(draw_picture(seed), image_format, **options)


def read(data: bytes, *algorithms: str, limits: Limits = GENEROUS) -> Reading:
    """Return what the intake gets out of a file, by default with every algorithm."""
    return InProcessIntake(limits).read(data, set(algorithms) or ALGORITHMS.keys())


def hashes_of(seed: int, *algorithms: str) -> dict[str, Hash]:
    """Return the hashes of a drawn picture's JPEG file by algorithm."""
    return {one.algorithm.name: one for one in read(drawn(seed), *algorithms).hashes}


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
