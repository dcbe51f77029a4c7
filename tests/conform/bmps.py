"""Bitmap files over every feature of the format."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from .profiles import PROFILES
from .recipes import ALPHAS, SIZES, Features, Format, alpha, picture, pixels

_MASKS = {
    "none": None,
    "565": (0xF800, 0x7E0, 0x1F, 0),
    "4444": (0xF00, 0xF0, 0xF, 0xF000),
    "1555": (0x7C00, 0x3E0, 0x1F, 0x8000),
    "8888": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    "bgra": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "ten": (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000),
    "odd": (0x7F000000, 0x3F8000, 0x7F, 0),
}
_FEATURES: dict[str, tuple[object, ...]] = {
    "size": SIZES,
    "header": (40, 12, 52, 56, 64, 108, 124),
    "depth": (24, 1, 2, 4, 8, 16, 32),
    "runs": (None, "runs", "absolute", "moves"),
    "top down": (False, True),
    "masks": tuple(_MASKS),
    "fields": (True, False),
    "alpha": ALPHAS,
    "colours": (0, 16, 300),
    "gap": (0, 8),
    "space": (None, "srgb", "calibrated", "profile"),
    "profile": tuple(PROFILES),
    "behind": (b"", b"rubbish"),
}


def _write(features: Features) -> bytes:
    size, seed, depth = features["size"], features["seed"], features["depth"]
    header = features["header"]
    masks = _MASKS[features["masks"]] if depth in (16, 32) and header >= 40 else None
    if masks is not None and max(masks) >= 2**depth:
        masks = _MASKS["565"] if depth == 16 else _MASKS["8888"]
    runs = features["runs"] if depth in (4, 8) and header >= 40 else None
    top_down = features["top down"] and not runs and header != 12
    rgb = pixels(seed, size)
    palette = b""
    if depth <= 8:
        count = 2**depth
        image = picture(seed, size).quantize(count, dither=Image.Dither.NONE)
        indices = np.array(image)
        table = np.frombuffer(bytes(image.getpalette() or b"").ljust(count * 3, b"\0"), np.uint8)
        colours = table.reshape(-1, 3)[:count, ::-1]
        if header != 12:
            colours = np.concatenate([colours, np.zeros((count, 1), np.uint8)], axis=1)
        palette = colours.tobytes()
    else:
        indices = _samples(rgb, alpha(features["alpha"], seed, size), depth, masks)
    rows = indices if top_down else indices[::-1]
    data = _runs(rows, depth, runs) if runs else _packed(rows, depth)
    compression = {4: 2, 8: 1}[depth] if runs else 3 if masks and features["fields"] else 0
    info, mask_bytes, profile = _header(features, header, size, depth, compression, masks, top_down)
    start = 14 + len(info) + len(mask_bytes) + len(palette) + features["gap"]
    body = bytearray(info + mask_bytes + palette + bytes(features["gap"]) + data)
    behind = profile or features["behind"]
    if profile:
        struct.pack_into("<II", body, 112, len(body), len(profile))
    return (
        b"BM"
        + struct.pack("<IHHI", 14 + len(body) + len(behind), 0, 0, start)
        + bytes(body)
        + behind
    )


def _header(
    features: Features, size: int, sides: tuple[int, int], depth: int, compression: int,
    masks: tuple[int, int, int, int] | None, top_down: bool,
) -> tuple[bytes, bytes, bytes]:  # fmt: skip
    width, height = sides
    if size == 12:
        return struct.pack("<IHHHH", size, width, height, 1, depth), b"", b""
    info = struct.pack(
        "<IiiHHIIiiII", size, width, -height if top_down else height, 1, depth, compression, 0,
        2835, 2835, 0, 0,
    )  # fmt: skip
    stored = struct.pack("<4I", *(masks or (0, 0, 0, 0)))
    between = stored[:12] if compression == 3 and size in (40, 64) else b""
    profile = b""
    if size >= 52 and size != 64:
        info += stored if size >= 56 else stored[:12]
    if size >= 108:
        space = features["space"]
        kind = {None: b"BGRs", "srgb": b"BGRs", "calibrated": bytes(4), "profile": b"DEBM"}[space]
        points = (0.64, 0.33, 0.03, 0.30, 0.60, 0.10, 0.15, 0.06, 0.79)
        if features["profile"] == "swapped":
            points = points[6:] + points[:6]
        gamma = 4.0 if features["profile"] == "dark" else 2.2
        info += kind + struct.pack("<9i", *(round(one * 2**30) for one in points))
        info += struct.pack("<3I", *(3 * (round(gamma * 2**16),)))
        if size == 124:
            info += struct.pack("<IIII", 4, 0, 0, 0)
            if space == "profile":
                profile = PROFILES[features["profile"]]
    return info.ljust(size, b"\0"), between, profile


def _samples(
    rgb: np.ndarray, opacity: np.ndarray, depth: int, masks: tuple[int, int, int, int] | None
) -> np.ndarray:
    if depth == 24:
        return rgb[..., ::-1]
    chosen = masks or ((0x7C00, 0x3E0, 0x1F, 0) if depth == 16 else (0xFF0000, 0xFF00, 0xFF, 0))
    numbers = np.zeros(rgb.shape[:2], np.uint64)
    for channel, mask in zip([*np.moveaxis(rgb, -1, 0), opacity], chosen, strict=True):
        if mask:
            shift = (mask & -mask).bit_length() - 1
            numbers |= (channel.astype(np.uint64) * (mask >> shift) // 255) << np.uint64(shift)
    return numbers.astype("<u2" if depth == 16 else "<u4")


def _packed(rows: np.ndarray, depth: int) -> bytes:
    if depth < 8:
        bits = (rows[..., None] >> np.arange(depth)[::-1]) & 1
        rows = np.packbits(bits.reshape(len(rows), -1).astype(np.uint8), axis=1)
    lines = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    padding = np.zeros((len(lines), -lines.shape[1] % 4), np.uint8)
    return np.concatenate([lines, padding], axis=1).tobytes()


def _runs(rows: np.ndarray, depth: int, how: str) -> bytes:
    parts = []
    for number, row in enumerate(rows):
        at = 0
        while at < len(row):
            if how == "moves" and number % 7 == 3 and at == 20:
                parts.append(bytes((0, 2, 10, 0)))
                at += 10
                continue
            if how == "absolute" or (how == "moves" and number % 2):
                piece = row[at : at + (10 if how == "moves" and at < 20 else 7)]
                piece = piece if at + len(piece) <= 20 or at >= 20 or how != "moves" else row[at:20]
                if len(piece) < 3:
                    parts += [bytes((1, _code(int(one), depth))) for one in piece]
                else:
                    body = bytes(piece.tolist()) if depth == 8 else _nibbles(piece)
                    parts.append(bytes((0, len(piece))) + body + bytes(len(body) % 2))
                at += len(piece)
            else:
                end = at + 1
                limit = 20 if how == "moves" and at < 20 else len(row)
                while end < min(limit, at + 255) and row[end] == row[at]:
                    end += 1
                parts.append(bytes((end - at, _code(int(row[at]), depth))))
                at = end
        parts.append(b"\0\0")
    return b"".join(parts) + b"\0\1"


def _code(index: int, depth: int) -> int:
    return index if depth == 8 else index << 4 | index


def _nibbles(piece: np.ndarray) -> bytes:
    padded = [*piece.tolist(), 0]
    return bytes(padded[at] << 4 | padded[at + 1] for at in range(0, len(piece), 2))


BMP = Format("BMP", _FEATURES, _write)
