"""WebP files over every feature of the format."""

from __future__ import annotations

import io
import struct

from PIL import Image

from .pngs import exif
from .profiles import PROFILES
from .recipes import ALPHAS, SIZES, Features, Format, alpha, picture

_FEATURES: dict[str, tuple[object, ...]] = {
    "size": SIZES,
    "lossless": (False, True),
    "alpha": ALPHAS,
    "profile": (None, *PROFILES),
    "orientation": (None, 1, 2, 3, 4, 5, 6, 7, 8),
    "exif": ("good", "text", "cut"),
    "frames": (0, 1, 2, 3, 4),
    "offset": ((0, 0), (10, 20), (40, 30)),
    "frame alpha": ALPHAS,
    "blend": (0, 2),
    "disposal": (0, 1),
    "other disposal": (0, 1),
    "background": (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\0\0\xff"),
    "behind": (b"", b"rubbish behind the end"),
}


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _stored(seed: int, size: tuple[int, int], opacity: str, *, lossless: bool) -> bytes:
    """Return the chunks of one picture."""
    image = picture(seed, size).copy()
    if opacity != "opaque":
        image.putalpha(Image.fromarray(alpha(opacity, seed, size)))
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=lossless, method=0, exact=True)
    data, chunks, at = stream.getvalue(), [], 12
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        end += end % 2
        if data[at : at + 4] in (b"VP8 ", b"VP8L", b"ALPH"):
            chunks.append(data[at:end])
        at = end
    return b"".join(chunks)


def _sides(values: tuple[int, int]) -> bytes:
    return b"".join((one - 1).to_bytes(3, "little") for one in values)


def _write(features: Features) -> bytes:
    size, seed, frames = features["size"], features["seed"], features["frames"]
    flags = 0x10 | (0x02 if frames else 0)
    metadata = []
    if features["profile"] is not None:
        flags |= 0x20
        metadata.append(_chunk(b"ICCP", PROFILES[features["profile"]]))
    body = b""
    if frames:
        body = _chunk(b"ANIM", features["background"] + b"\0\0")
        for number in range(frames):
            body += _frame(number, features)
    else:
        body = _stored(seed, size, features["alpha"], lossless=features["lossless"])
    after = b""
    if features["orientation"] is not None:
        flags |= 0x08
        after = _chunk(b"EXIF", exif(features["orientation"], features["exif"]))
    head = _chunk(b"VP8X", struct.pack("<B3x", flags) + _sides(size))
    chunks = b"WEBP" + head + b"".join(metadata) + body + after
    behind: bytes = features["behind"]
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks + behind


def _frame(number: int, features: Features) -> bytes:
    width, height = features["size"]
    left, top = features["offset"] if number else (0, 0)
    size = (width - left, height - top)
    opacity = features["frame alpha"] if number else features["alpha"]
    chunks = _stored(features["seed"] + number, size, opacity, lossless=features["lossless"])
    disposal = features["disposal"] if number % 2 == 0 else features["other disposal"]
    place = b"".join((one // 2).to_bytes(3, "little") for one in (left, top))
    head = place + _sides(size) + b"\x64\0\0" + bytes([features["blend"] | disposal])
    return _chunk(b"ANMF", head + chunks)


WEBP = Format("WEBP", _FEATURES, _write, frozenset({"exif"}))
