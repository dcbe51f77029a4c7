"""Drawn pictures with grain, as files: stand-ins for photographs."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from hashmatch.synthetic import draw_picture


def photograph(seed: int, width: int, height: int, *, grain: float, colours: int) -> Image.Image:
    """Return a picture with grain, in brightness of 255: of one for each of `colours`, or alike."""
    pixels = np.asarray(draw_picture(seed, width, height)).astype(np.float32)
    noise = np.random.default_rng(seed).normal(0, grain, (height, width, colours))
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def encoded(picture: Image.Image, image_format: str, **options: Any) -> bytes:
    """Return the picture as a file."""
    stream = io.BytesIO()
    picture.save(stream, image_format, **options)
    return stream.getvalue()
