"""PNG and APNG files over every feature of the format."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .profiles import PROFILES
from .recipes import ALPHAS, SIZES, Features, Format, Pixels, alpha, picture, pixels

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip
_CHROMATICITIES = {
    "srgb": (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    "p3": (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
    "swapped": (31270, 32900, 15000, 6000, 64000, 33000, 30000, 60000),
    "nonsense": (0, 0, 0, 0, 0, 0, 0, 0),
}
_FEATURES: dict[str, tuple[object, ...]] = {
    "size": SIZES,
    "kind": (2, 0, 3, 4, 6),
    "depth": (8, 16, 1, 2, 4),
    # The share of the palette that is there.
    "palette": (1.0, 0.8, 0.4),
    "interlaced": (False, True),
    "alpha": ALPHAS,
    # The share of the largest sample that is transparent; beyond it for bits that do not count.
    "key": (None, 0.0, 1.0, 0.4, 1.5),
    "gamma": (None, 45455, 100000, 60000, 30000, 180000, 5000, 0),
    "chromaticities": (None, *_CHROMATICITIES),
    "srgb": (False, True),
    "profile": (None, *PROFILES),
    "code points": (None, (1, 13, 0, 1), (9, 16, 0, 1), (9, 18, 0, 1), (12, 13, 0, 1),
                    (1, 8, 0, 1), (9, 1, 0, 0), (1, 16, 9, 1),
                    (2, 16, 0, 1), (99, 18, 0, 1)),
    "orientation": (None, 1, 2, 3, 4, 5, 6, 7, 8),
    "exif": ("good", "text", "cut"),
    "damage": (None, b"iCCP", b"eXIf", b"gAMA", b"cHRM", b"cICP", b"sRGB", b"tRNS", b"tEXt"),
    "parts": (1, 3),
    "between": (False, True),
    "late": (False, True),
    "behind": (b"", b"rubbish behind the end"),
    "frames": (0, 2, 3, 4),
    "default": (False, True),
    "offset": ((0, 0), (10, 20), (40, 30)),
    "blend": (0, 1),
    "disposal": (0, 1, 2),
    "frame alpha": ALPHAS,
}  # fmt: skip


def _chunk(kind: bytes, body: bytes, features: Features) -> bytes:
    checksum = zlib.crc32(kind + body) ^ (0x5A5A if features["damage"] == kind else 0)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _samples(rgb: Pixels, opacity: Pixels, features: Features) -> tuple[np.ndarray, int]:
    """Return samples of shape (height, width, channels) and their depth in bits."""
    kind, depth = features["kind"], features["depth"]
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    match kind:
        case 0:
            return (grey.astype(np.uint32) * (2**depth - 1) // 255)[..., None], depth
        case 3:
            depth = min(depth, 8)
            return (grey.astype(np.uint32) * (2**depth - 1) // 255)[..., None], depth
    depth = max(depth, 8)
    if kind == 2 and features["key"] is not None:
        rgb = np.where(_is_middle(rgb), round(min(1.0, features["key"]) * 255), rgb)
    channels = [grey[..., None]] if kind == 4 else [rgb]
    if kind in (4, 6):
        channels.append(opacity[..., None])
    return np.concatenate(channels, axis=-1).astype(np.uint32) * (257 if depth == 16 else 1), depth


def _is_middle(rgb: Pixels) -> NDArray[np.bool_]:
    height, width = rgb.shape[:2]
    inside = np.zeros((height, width, 1), bool)
    inside[height // 4 : -height // 4, width // 4 : -width // 4] = True
    return inside


def _scanlines(samples: np.ndarray, depth: int) -> bytes:
    lines = samples.reshape(len(samples), -1)
    if depth == 16:
        packed = lines.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = lines.astype(np.uint8)
    else:
        bits = (lines[..., None] >> np.arange(depth)[::-1]) & 1
        packed = np.packbits(bits.reshape(len(lines), -1).astype(np.uint8), axis=1)
    return np.concatenate([np.zeros((len(packed), 1), np.uint8), packed], axis=1).tobytes()


def _compressed(samples: np.ndarray, depth: int, features: Features) -> bytes:
    if not features["interlaced"]:
        return zlib.compress(_scanlines(samples, depth))
    passes = (samples[top::down, left::across] for left, top, across, down in _ADAM7)
    return zlib.compress(b"".join(_scanlines(one, depth) for one in passes if one.size))


def _metadata(features: Features) -> bytes:
    """Return the chunks that say how the picture is shown."""
    parts = []
    if (points := features["code points"]) is not None:
        parts.append(_chunk(b"cICP", bytes(points), features))
    if (name := features["profile"]) is not None:
        body = b"name\0\0" + zlib.compress(PROFILES[name])
        parts.append(_chunk(b"iCCP", body, features))
    if features["srgb"]:
        parts.append(_chunk(b"sRGB", b"\0", features))
    if (gamma := features["gamma"]) is not None:
        parts.append(_chunk(b"gAMA", struct.pack(">I", gamma), features))
    if (name := features["chromaticities"]) is not None:
        parts.append(_chunk(b"cHRM", struct.pack(">8I", *_CHROMATICITIES[name]), features))
    if (orientation := features["orientation"]) is not None:
        parts.append(_chunk(b"eXIf", exif(orientation, features["exif"]), features))
    return b"".join(parts)


def exif(orientation: int, state: str) -> bytes:
    """Return EXIF data with an orientation, as it should be or damaged."""
    data = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return {"good": data, "text": b"this is text and no EXIF at all", "cut": data[:15]}[state]


def _palette(features: Features) -> bytes:
    """Return the palette and the transparency of the picture."""
    kind, depth = features["kind"], min(features["depth"], 8)
    parts = b""
    if kind == 3:
        levels = np.arange(2**depth) * 255 // (2**depth - 1)
        colours = np.stack([levels, levels[::-1] // 2 + levels // 2, levels], axis=-1)
        colours = colours[: max(1, round(len(colours) * features["palette"]))]
        parts = _chunk(b"PLTE", colours.astype(np.uint8).tobytes(), features)
    if (key := features["key"]) is not None:
        largest = 2 ** features["depth"] - 1 if kind == 0 else 2 ** max(8, features["depth"]) - 1
        level = min(65535, round(key * largest))
        body = {
            0: struct.pack(">H", level),
            2: struct.pack(">3H", level, level, level),
            3: bytes(range(0, 2 ** min(depth, 6) * 3, 3)),
        }.get(kind, b"")
        parts += _chunk(b"tRNS", body, features) if body else b""
    return parts


def _write(features: Features) -> bytes:
    size, seed = features["size"], features["seed"]
    samples, depth = _samples(pixels(seed, size), alpha(features["alpha"], seed, size), features)
    header = struct.pack(">IIBBBBB", *size, depth, features["kind"], 0, 0, features["interlaced"])
    data = _compressed(samples, depth, features)
    count = features["parts"]
    pieces = [
        data[len(data) * one // count : len(data) * (one + 1) // count] for one in range(count)
    ]
    between = _chunk(b"tEXt", b"k\0v", features) if features["between"] else b""
    idat = between.join(_chunk(b"IDAT", one, features) for one in pieces)
    metadata = _metadata(features)
    early, late = (b"", metadata) if features["late"] else (metadata, b"")
    parts = [_chunk(b"IHDR", header, features), early, _palette(features)]
    frames = features["frames"]
    if frames:
        parts.append(_chunk(b"acTL", struct.pack(">II", frames, 0), features))
        parts += _frames(features, idat, frames)
    else:
        parts.append(idat)
    parts += [late, _chunk(b"IEND", b"", features), features["behind"]]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _frames(features: Features, idat: bytes, frames: int) -> list[bytes]:
    parts, sequence = [], 0
    first = 0
    width, height = features["size"]
    if features["default"]:
        parts.append(idat)
    else:
        parts += [_control(features, 0, (width, height), (0, 0)), idat]
        sequence, first = 1, 1
    left, top = features["offset"]
    size = (width - left, height - top)
    for number in range(first, frames):
        seed = features["seed"] + number + 1
        opacity = alpha(features["frame alpha"], seed, size)
        samples, depth = _samples(np.array(picture(seed, size)), opacity, features)
        # The first frame covers the whole canvas where no picture came before it.
        place = (left, top)
        if number == 0:
            place = (0, 0)
            opacity = alpha(features["frame alpha"], seed, (width, height))
            samples, depth = _samples(np.array(picture(seed, (width, height))), opacity, features)
        own = size if number else (width, height)
        parts.append(_control(features, sequence, own, place))
        body = struct.pack(">I", sequence + 1) + _compressed(samples, depth, features)
        parts.append(_chunk(b"fdAT", body, features))
        sequence += 2
    return parts


def _control(
    features: Features, sequence: int, size: tuple[int, int], place: tuple[int, int]
) -> bytes:
    body = struct.pack(
        ">IIIIIHHBB", sequence, *size, *place, 1, 10, features["disposal"], features["blend"]
    )
    return _chunk(b"fcTL", body, features)


PNG = Format("PNG", _FEATURES, _write, frozenset({"damage", "exif", "between", "palette"}))
