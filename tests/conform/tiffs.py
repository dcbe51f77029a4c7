"""TIFF files over the features that viewers read alike (TIFF 6.0)."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from .recipes import ALPHAS, Features, Format, alpha, pixels

_FEATURES: dict[str, tuple[object, ...]] = {
    "size": ((160, 120), (97, 131)),
    "order": ("<", ">"),
    "kind": ("RGB", "grey", "white is zero", "palette"),
    "depth": (8, 16, 4, 1),
    "planar": (False, True),
    "compression": ("none", "deflate", "runs"),
    "predictor": (False, True),
    "rows": (1000, 16, 7),
    "orientation": (None, 1, 2, 3, 4, 5, 6, 7, 8),
    "alpha": ALPHAS,
    "alpha kind": (2, 1, 0),
    "pages": (1, 2),
}
_PHOTOMETRIC = {"white is zero": 0, "grey": 1, "RGB": 2, "palette": 3}
_COMPRESSION = {"none": 1, "deflate": 8, "runs": 32773}


def _samples(features: Features, seed: int) -> tuple[np.ndarray, int]:
    """Return samples of shape (height, width, channels), and their depth in bits."""
    kind, depth, size = features["kind"], features["depth"], features["size"]
    rgb = pixels(seed, size).astype(np.uint32)
    if kind == "RGB":
        depth = max(depth, 8)
        channels = rgb * (2**depth - 1) // 255
    else:
        depth = min(depth, 8) if kind == "palette" else depth
        channels = rgb.mean(axis=-1, keepdims=True).astype(np.uint32) * (2**depth - 1) // 255
        if kind == "white is zero":
            channels = 2**depth - 1 - channels
    if features["alpha"] != "opaque" and kind in ("RGB", "grey") and depth >= 8:
        opacity = alpha(features["alpha"], seed, size)[..., None].astype(np.uint32)
        if features["alpha kind"] == 1:  # Associated: the colours are multiplied.
            channels = channels * opacity // 255
        channels = np.concatenate([channels, opacity * (2**depth - 1) // 255], axis=-1)
    return channels, depth


def _packed(samples: np.ndarray, depth: int, features: Features) -> bytes:
    """Return rows of samples of shape (rows, width, channels) as they are stored."""
    if features["predictor"] and depth >= 8 and features["compression"] == "deflate":
        samples = np.concatenate([samples[:, :1], np.diff(samples.astype(np.int64), axis=1)], 1)
        samples = samples % 2**depth
    rows = samples.reshape(len(samples), -1)
    if depth == 16:
        data = rows.astype(features["order"] + "u2").tobytes()
    elif depth == 8:
        data = rows.astype(np.uint8).tobytes()
    else:
        bits = (rows[..., None] >> np.arange(depth)[::-1]) & 1
        data = np.packbits(bits.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()
    match features["compression"]:
        case "deflate":
            return zlib.compress(data)
        case "runs":  # Each row by itself, in runs of bytes as they are.
            width = len(data) // max(1, len(rows))
            lines = (data[at : at + width] for at in range(0, len(data), width))
            return b"".join(_runs(line) for line in lines)
    return data


def _runs(line: bytes) -> bytes:
    parts = (line[at : at + 128] for at in range(0, len(line), 128))
    return b"".join(bytes([len(one) - 1]) + one for one in parts)


def _page(features: Features, seed: int, at: int) -> tuple[bytes, int]:
    """Return the strips and the directory of a page that begins at a position, and where."""
    order = features["order"]
    width, height = features["size"]
    samples, depth = _samples(features, seed)
    count = samples.shape[-1]
    is_planar = features["planar"] and count > 1
    planes = [samples[..., [one]] for one in range(count)] if is_planar else [samples]
    rows = min(features["rows"], height)
    strips = [
        _packed(plane[first : first + rows], depth, features)
        for plane in planes
        for first in range(0, height, rows)
    ]
    body, places = b"", []
    for strip in strips:
        places.append(at + len(body))
        body += strip + bytes(len(strip) % 2)
    tags: dict[int, tuple[int, list[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [depth] * count),
        259: (3, [_COMPRESSION[features["compression"]]]),
        262: (3, [_PHOTOMETRIC[features["kind"]]]),
        273: (4, places),
        277: (3, [count]),
        278: (4, [rows]),
        279: (4, [len(one) for one in strips]),
        284: (3, [2 if is_planar else 1]),
    }
    if features["orientation"] is not None:
        tags[274] = (3, [features["orientation"]])
    if features["predictor"] and depth >= 8 and features["compression"] == "deflate":
        tags[317] = (3, [2])
    if features["kind"] == "palette":
        ramp = [one * 65535 // (2**depth - 1) for one in range(2**depth)]
        tags[320] = (3, [*ramp, *ramp[::-1], *ramp])
    if count in (2, 4):
        tags[338] = (3, [features["alpha kind"]])
    return _with_directory(body, tags, at, order)


def _with_directory(
    body: bytes, tags: dict[int, tuple[int, list[int]]], at: int, order: str
) -> tuple[bytes, int]:
    """Return the page with its directory, which is its last one, and the directory's position."""
    # The values that do not fit into the directory come before it.
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            place, body = at + len(body), body + packed
            packed = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    directory_at = at + len(body)
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    return body + directory, directory_at


def _write(features: Features) -> bytes:
    order = features["order"]
    data = bytearray(b"II*\0" if order == "<" else b"MM\0*") + bytearray(4)
    link = 4
    for number in range(features["pages"]):
        page, directory_at = _page(features, features["seed"] + number, len(data))
        struct.pack_into(f"{order}I", data, link, directory_at)
        data += page
        link = len(data) - 4
    return bytes(data)


TIFF = Format("TIFF", _FEATURES, _write)
