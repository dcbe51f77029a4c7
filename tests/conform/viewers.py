"""Viewers of formats that browsers do not show: ImageMagick and libvips, asked as programs.

Where both show the same picture, anybody who opens the file sees it.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from hashmatch.hashers import ALGORITHMS, PDQHasher
from tests.oracle import distance_bits

from .browser import Shown, ShownPicture

PROGRAMS = ("convert", "vips")
_SUFFIXES = {"TIFF": "tiff", "HEIF": "heic", "JPEG2000": "jp2", "PSD": "psd", "TGA": "tga",
             "PPM": "ppm"}  # fmt: skip
_TIMEOUT_S = 30.0
_MAX_PICTURES = 20
_HASHER = PDQHasher()


def are_installed() -> bool:
    """Say whether this machine has both programs."""
    return all(map(shutil.which, PROGRAMS))


def show(data: bytes, image_format: str) -> Shown:
    """Return the pictures of a file that both programs show."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"file.{_SUFFIXES[image_format]}")
        path.write_bytes(data)
        first, second = _by_imagemagick(path), _by_libvips(path)
    return Shown(tuple(one for one in first if _is_among(one, second)), ())


def _is_among(one: ShownPicture, others: list[ShownPicture]) -> bool:
    mine = _HASHER.hash_pixels(one.picture)
    return any(
        distance_bits(mine.value, _HASHER.hash_pixels(other.picture).value)
        <= (ALGORITHMS["pdq"].threshold_bits or 0)
        for other in others
    )


def _by_imagemagick(path: Path) -> list[ShownPicture]:
    # A Photoshop file's first picture is the merged one; the others are its layers.
    source = f"{path}[0]" if path.suffix == ".psd" else str(path)
    out = path.with_name("magick-%03d.png")
    shown = []
    for background in ("white", "black"):
        _run("convert", source, "-auto-orient", "-colorspace", "sRGB", "-background", background,
             "-alpha", "remove", "-depth", "8", "+adjoin", str(out))  # fmt: skip
        shown += [
            ShownPicture(one.convert("RGB"), background, number, 0)
            for number, one in enumerate(_collect(path.parent, "magick-*.png"))
        ]
    return shown


def _by_libvips(path: Path) -> list[ShownPicture]:
    pages = 1
    if path.suffix in (".tiff", ".heic"):
        pages = int(_run("vipsheader", "-f", "n-pages", str(path)) or 1)
    shown: list[ShownPicture] = []
    for page in range(min(pages, _MAX_PICTURES)):
        source = str(path) if pages == 1 else f"{path}[page={page}]"
        turned, out = path.with_name("turned.v"), path.with_name(f"vips-{page:03}.png")
        _run("vips", "autorot", source, str(turned))
        _run("vips", "colourspace", str(turned), str(out), "srgb")
        turned.unlink(missing_ok=True)
    for one in _collect(path.parent, "vips-*.png"):
        for background in ("white", "black"):
            behind = Image.new("RGBA", one.size, background)
            behind.alpha_composite(one)
            shown.append(ShownPicture(behind.convert("RGB"), background, len(shown), 0))
    return shown


def _collect(folder: Path, pattern: str) -> list[Image.Image]:
    """Return the written pictures, and remove their files."""
    found = []
    for path in sorted(folder.glob(pattern)):
        # A program that fails leaves a part of a file.
        with contextlib.suppress(OSError), Image.open(path) as image:
            found.append(image.convert("RGBA"))
        path.unlink()
    return found[:_MAX_PICTURES]


def _run(*arguments: str) -> str:
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
