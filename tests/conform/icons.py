"""Icons and cursors over every feature of the format."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from .recipes import ALPHAS, Features, Format, alpha, picture

_FEATURES: dict[str, tuple[object, ...]] = {
    "size": ((128, 128), (96, 64), (256, 256)),
    "cursor": (False, True),
    "entries": (1, 2, 3),
    "kind": ("png", 32, 24, 16, 8, 4, 1),
    "other kind": ("png", 32, 24, 8),
    "smaller first": (True, False),
    "alpha": ALPHAS,
    "mask": ("opaque", "hole", "nothing"),
    "directory": ("true", "zero", "other"),
    # Bytes at the end of each picture: behind the mask, or instead of a part of it.
    "behind mask": (0, 7, 64, 1000, -8, -100, -9999),
}


def _write(features: Features) -> bytes:
    width, height = features["size"]
    pictures = []
    for number in range(features["entries"]):
        share = (1.0, 0.5, 1.0)[number]
        size = (int(width * share), int(height * share))
        kind = features["other kind"] if number else features["kind"]
        pictures.append((size, _entry(features, number, size, kind)))
    if features["smaller first"]:
        pictures.reverse()
    head = struct.pack("<HHH", 0, 2 if features["cursor"] else 1, len(pictures))
    at, directory = 6 + 16 * len(pictures), b""
    for (across, down), data in pictures:
        sides = {"true": (across % 256, down % 256), "zero": (0, 0), "other": (16, 16)}
        directory += struct.pack(
            "<BBBBHHII", *sides[features["directory"]], 0, 0, 1, 32, len(data), at
        )
        at += len(data)
    return head + directory + b"".join(data for _, data in pictures)


def _entry(features: Features, number: int, size: tuple[int, int], kind: str | int) -> bytes:
    image = picture(features["seed"] + number, size).copy()
    if kind == "png":
        image.putalpha(Image.fromarray(alpha(features["alpha"], features["seed"], size)))
        stream = io.BytesIO()
        image.save(stream, "PNG", compress_level=1)
        return stream.getvalue()
    depth = int(kind)
    palette = b""
    if depth <= 8:
        indexed = image.quantize(2**depth, dither=Image.Dither.NONE)
        table = np.frombuffer(bytes(indexed.getpalette() or b"").ljust(768, b"\0"), np.uint8)
        colours = table.reshape(-1, 3)[: 2**depth, ::-1]
        palette = np.concatenate([colours, np.zeros((2**depth, 1), np.uint8)], axis=1).tobytes()
        bits = (np.array(indexed)[..., None] >> np.arange(depth)[::-1]) & 1
        rows = np.packbits(bits.reshape(size[1], -1).astype(np.uint8), axis=1)
    else:
        rgb = np.array(image)
        if depth == 16:
            wide = rgb.astype(np.uint16) >> 3
            numbers = wide[..., 0] << 10 | wide[..., 1] << 5 | wide[..., 2]
            rows = numbers.astype("<u2").view(np.uint8).reshape(size[1], -1)
        else:
            opacity = alpha(features["alpha"], features["seed"], size)[..., None]
            rgba = np.concatenate([rgb[..., ::-1], opacity], axis=-1)
            rows = rgba[..., : depth // 8].reshape(size[1], -1)
    header = struct.pack("<IiiHHIIiiII", 40, size[0], 2 * size[1], 1, depth, 0, 0, 0, 0, 0, 0)
    hidden = alpha(features["mask"], features["seed"], size) == 0
    mask = np.packbits(hidden, axis=1)
    bottom, more = _padded(mask), features["behind mask"]
    bottom = bottom + b"\xa5" * more if more > 0 else bottom[: max(0, len(bottom) + more)]
    return header + palette + _padded(rows) + bottom


def _padded(rows: np.ndarray) -> bytes:
    padding = np.zeros((len(rows), -rows.shape[1] % 4), np.uint8)
    return np.concatenate([rows, padding], axis=1)[::-1].tobytes()


ICO = Format("ICO", _FEATURES, _write, frozenset({"behind mask"}))
