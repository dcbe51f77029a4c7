"""Pictures of a folder that the operator gives for measuring, opened as they are shown."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from PIL import Image, ImageOps, UnidentifiedImageError

from hashmatch.errors import InputError
from hashmatch.imaging import find_files
from hashmatch.outcome import Failure, Reason

from .alterations import MAX_SIDE_PX, reduced

# Larger ones are decoded at a fraction of their size where the format has such a way.
_DRAFT = (2 * MAX_SIDE_PX, 2 * MAX_SIDE_PX)


def find_pictures(folder: Path) -> list[str]:
    """Return the files of a folder and of those in it, in order, relative to it.

    Hidden files are left out. Raises `InputError` where there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder", hint="Give a folder of pictures.")
    found = [one.relative_to(folder) for one in find_files(folder)]
    names = [one.as_posix() for one in found if not any(p.startswith(".") for p in one.parts)]
    if not names:
        raise InputError(f"{folder}: the folder is empty", hint="Put pictures into it.")
    return names


def kind_of(name: str) -> str:
    """Return the kind of a picture, which is the subfolder that it is in; "" for none."""
    first, slash, _ = name.partition("/")
    return first if slash else ""


def number_of(text: str) -> int:
    """Return a number for a name that is the same on every machine, to seed chance with."""
    return crc32(text.encode("utf-8", "surrogateescape"))


def open_picture(path: Path) -> Image.Image | Failure:
    """Return a picture upright, over white and at most `MAX_SIDE_PX` large, or why not.

    It is decoded in this process: the operator gives pictures that they trust.
    """
    try:
        with Image.open(path) as image:
            image.draft("RGB", _DRAFT)
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                shown = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
            return reduced(upright)
    # Decoders raise more than they document.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return Failure(Reason.UNDECODABLE, _reason(error))


def _reason(error: Exception) -> str:
    match error:
        case FileNotFoundError() | PermissionError():
            return (error.strerror or "cannot be read").lower()
        case UnidentifiedImageError():
            return "not a picture of a known format"
        case Image.DecompressionBombError():
            return "too many pixels"
        case _:
            return "damaged"
