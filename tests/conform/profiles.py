"""Colour profiles to draw files with: of cameras and screens, and such as show other pictures."""

from __future__ import annotations

import struct

import numpy as np
from PIL import ImageCms

_D50 = (0.9642, 1.0, 0.8249)
# Columns of red, green and blue in XYZ, adapted to D50 (ICC's sRGB, Display P3, ProPhoto).
_SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))
_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
_WIDE = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))


def _tag(kind: bytes, body: bytes) -> bytes:
    return kind + bytes(4) + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return _tag(b"XYZ ", struct.pack(">iii", *(round(one * 65536) for one in values)))


def _curve(levels: np.ndarray) -> bytes:
    numbers = (np.clip(levels, 0, 1) * 65535).round().astype(">u2")
    return _tag(b"curv", struct.pack(">I", len(numbers)) + numbers.tobytes())


def _gamma(value: float) -> bytes:
    return _tag(b"curv", struct.pack(">IH", 1, round(value * 256)))


def _profile(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    at = 128 + 4 + 12 * len(tags)
    table, bodies = b"", b""
    for name, body in tags.items():
        table += name + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(
        ">I4s4s4s4s4s12x4s28x12s48x", at + len(bodies), b"none", b"\x02\x40\0\0", b"mntr", space,
        connection, b"acsp", _xyz(_D50)[8:],
    )  # fmt: skip
    return head + struct.pack(">I", len(tags)) + table + bodies


def _matrix_tags(
    columns: tuple[tuple[float, ...], ...], curves: tuple[bytes, bytes, bytes]
) -> dict[bytes, bytes]:
    tags = {b"wtpt": _xyz(_D50)}
    for name, column, curve in zip((b"r", b"g", b"b"), columns, curves, strict=True):
        tags |= {name + b"XYZ": _xyz(column), name + b"TRC": curve}
    return tags


def _matrix(columns: tuple[tuple[float, ...], ...], curves: tuple[bytes, bytes, bytes]) -> bytes:
    return _profile(b"RGB ", _matrix_tags(columns, curves))


def _table(change: np.ndarray) -> bytes:
    """Return a profile with a table (lut8) from RGB to Lab."""
    return _profile(b"RGB ", {b"wtpt": _xyz(_D50), b"A2B0": _lut(change)}, b"Lab ")


def _lut(change: np.ndarray) -> bytes:
    ramp = np.arange(256, dtype=np.uint8).tobytes()
    identity = struct.pack(">9i", *(65536 * one for one in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    body = bytes((3, 3, len(change), 0)) + identity + 3 * ramp + change.tobytes() + 3 * ramp
    return _tag(b"mft1", body)


def _floating(columns: tuple[tuple[float, ...], ...]) -> bytes:
    """Return a tag of one matrix of floating-point numbers from linear RGB to XYZ (D2B0)."""
    numbers = struct.pack(">12f", *np.array(columns).T.ravel(), 0, 0, 0)
    element = _tag(b"matf", struct.pack(">HH", 3, 3) + numbers)
    return _tag(b"mpet", struct.pack(">HHIII", 3, 3, 1, 24, len(element))) + element


def _lab_table(channel: int) -> np.ndarray:
    """Return a table in which the lightness is that of one channel alone."""
    axis = np.linspace(0, 255, 9)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    lab = np.full((9, 9, 9, 3), 128, np.uint8)
    lab[..., 0] = grid[..., channel]
    return lab


def _versioned(profile: bytes) -> bytes:
    return profile[:8] + b"\x04\x40\0\0" + profile[12:]


_ramp = np.linspace(0, 1, 256)
_NEGATIVE = (_curve((1 - _ramp) ** 2.2),) * 3
_PLAIN = _matrix_tags(_SRGB, (_gamma(2.2),) * 3)
PROFILES: dict[str, bytes] = {
    "srgb": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "p3": _matrix(_P3, (_gamma(2.2),) * 3),
    "wide": _matrix(_WIDE, (_gamma(1.8),) * 3),
    "linear": _matrix(_SRGB, (_gamma(1.0),) * 3),
    "dark": _matrix(_SRGB, (_gamma(4.0),) * 3),
    "swapped": _matrix((_SRGB[2], _SRGB[0], _SRGB[1]), (_gamma(2.2),) * 3),
    "blue": _matrix(((0, 0, 0), (0, 0, 0), (0.9642, 1.0, 0.8249)), (_gamma(2.2),) * 3),
    "negative": _matrix(_SRGB, (_curve((1 - _ramp) ** 2.2),) * 3),
    "steps": _matrix(_SRGB, (_curve(np.floor(_ramp * 5) / 5),) * 3),
    "zigzag": _matrix(_SRGB, (_curve(abs((_ramp * 4) % 2 - 1)),) * 3),
    "table": _table(_lab_table(0)),
    "blue table": _table(_lab_table(2)),
    "grey": _profile(b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": _gamma(2.2)}),
    "grey negative": _profile(b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": _curve((1 - _ramp) ** 2.2)}),
    # Of these, browsers and others read another part each.
    "second table": _profile(b"RGB ", _PLAIN | {b"A2B1": _lut(_lab_table(2))}, b"Lab "),
    "floating": _versioned(
        _profile(b"RGB ", _matrix_tags(_SRGB, _NEGATIVE) | {b"D2B0": _floating(_SRGB)})
    ),
    "code points": _versioned(
        _profile(b"RGB ", _PLAIN | {b"cicp": _tag(b"cicp", bytes((9, 16, 0, 1)))})
    ),
    "rubbish": b"no profile at all" * 20,
    "empty": b"",
}
