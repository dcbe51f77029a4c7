"""Hashes to search: uniform ones, and ones as real pictures have them, any number of each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.synthetic import draw_picture

Values: TypeAlias = NDArray[np.uint8]

_PDQ = PIXEL_HASHERS[0]
_SHARED = Path(__file__).parents[2] / "shared" / "data" / "pdq"
_DRAWN = 2_000
_SIDE = 160
_BITS = 256
# A fifth of real lists are further copies of what is in them: cropped, recompressed, written on.
_COPIES = 0.2
_MAX_BITS_APART = 60
_CHUNK = 200_000


def uniform(count: int, seed: int) -> Values:
    """Return hashes of which every bit is even and independent, of shape (count, 32)."""
    return np.random.default_rng(seed).integers(0, 256, (count, _BITS // 8), dtype=np.uint8)


def realistic(count: int, seed: int) -> Values:
    """Return hashes as lists of pictures hold them.

    First come the PDQ hashes of pictures under many transformations. There are not millions of
    pictures here, so the others have bits which lean and depend on each other as theirs do (signs
    of normal variables with the same correlations); a fifth of all are a few bits from another.
    """
    real = _real_hashes()[:count]
    rng = np.random.default_rng(seed)
    values = np.concatenate([real, unrelated(count - len(real), rng)])
    copies = rng.choice(count, int(count * _COPIES), replace=False)
    values[copies] = near(values[rng.integers(0, count, len(copies))], rng)
    return values


def unrelated(count: int, rng: np.random.Generator) -> Values:
    """Return hashes as pictures have them that have nothing to do with each other."""
    factor = _factor()
    values = np.empty((count, _BITS // 8), np.uint8)
    for start in range(0, count, _CHUNK):
        some = rng.standard_normal((min(_CHUNK, count - start), _BITS), np.float32) @ factor
        values[start : start + len(some)] = np.packbits(some > 0, axis=1)
    return values


def near(values: Values, rng: np.random.Generator) -> Values:
    """Return the values with 0 to 60 bits turned, few more often than many."""
    turned = (rng.random(len(values)) ** 2 * _MAX_BITS_APART / _BITS)[:, None]
    flips = [
        np.packbits(rng.random((len(part), _BITS), np.float32) < part, axis=1)
        for part in np.array_split(turned, -(-len(turned) // _CHUNK))
    ]
    return values ^ np.concatenate(flips)


@lru_cache(maxsize=1)
def _real_hashes() -> Values:
    hashes = [
        one.value
        for picture in _pictures()
        for copy in _transformed(picture)
        for one in _PDQ.hash_orientations(copy)
    ]
    rows = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, _BITS // 8)
    return np.random.default_rng(0).permutation(rows)


@lru_cache(maxsize=1)
def _factor() -> NDArray[np.float32]:
    """Return what turns independent normal variables into ones correlated as the bits are."""
    bits = np.unpackbits(_real_hashes(), axis=1).astype(np.float64)
    # The correlation of normal variables whose signs are correlated so much.
    correlations = np.sin(np.pi / 2 * np.corrcoef(bits.T))
    strengths, directions = np.linalg.eigh(correlations)
    factor: NDArray[np.float64] = (directions * np.sqrt(np.maximum(strengths, 0))).T
    return factor.astype(np.float32)


def _pictures() -> Iterator[Image.Image]:
    for seed in range(_DRAWN):
        yield draw_picture(seed, _SIDE, _SIDE)
    for path in sorted(_SHARED.rglob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            with Image.open(path) as image:
                yield image.convert("RGB").resize((_SIDE, _SIDE))


def _transformed(picture: Image.Image) -> Iterator[Image.Image]:
    yield picture
    edge = _SIDE // 16
    yield picture.crop((edge, edge, _SIDE - edge, _SIDE - edge))
    yield picture.rotate(4)
    yield ImageEnhance.Contrast(picture).enhance(1.5).filter(ImageFilter.GaussianBlur(1))
