"""Small files of every format."""

from __future__ import annotations

from functools import cache
from typing import get_args

from hashmatch.config import ImageFormat
from hashmatch.synthetic import draw_picture
from tests.pictures import encoded

FORMATS: tuple[str, ...] = get_args(ImageFormat)


@cache
def originals(image_format: str, width: int = 120, height: int = 90) -> list[bytes]:
    """Return small files of a format, of one frame and where it has them of several."""
    pictures = [draw_picture(seed, width, height) for seed in (9, 10, 11)]
    files = [encoded(pictures[0], image_format)]
    if image_format in ("GIF", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"):
        options = {} if image_format == "HEIF" else {"save_all": True}
        more = encoded(pictures[0], image_format, append_images=pictures[1:], **options)
        files.append(more)
    if image_format == "JPEG":
        files.append(encoded(pictures[0], "JPEG", progressive=True))
    return files
