"""ICC profiles made of curves and primaries, so that one library manages all colours."""

from __future__ import annotations

import struct

import numpy as np

from .curves import Floats, rgb_to_xyz
from .declared import Calibration, Chromaticities, Coded, Declared, Profile

_D50 = np.array([0.9642, 1.0, 0.8249])
# Bradford's matrix, by which white is adapted to that of the profile connection space (ICC.1,
# annex E).
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
# A gamut of no more than this area, in chromaticities, is none.
_MIN_GAMUT = 0.001
_HEADER_BYTES, _TAG_BYTES, _MAX_TAGS = 128, 12, 200


def build_profile(chromaticities: Chromaticities, curve: Floats) -> bytes:
    """Return a display profile (ICC.1:2001) of the primaries.

    `curve` has the light, 0 to 1, of evenly spaced samples. Raises `np.linalg.LinAlgError`,
    `ValueError` or `struct.error` for chromaticities that span no colours.
    """
    to_xyz = rgb_to_xyz(chromaticities)
    white = to_xyz.sum(axis=1)
    cones = _BRADFORD @ white
    if not np.all(np.abs(cones) > 1e-6):
        raise ValueError("a white without light")
    adapted = np.linalg.solve(_BRADFORD, np.diag(_BRADFORD @ _D50 / cones) @ _BRADFORD) @ to_xyz
    levels = (np.clip(curve, 0, 1) * 65535).round().astype(">u2")
    trc = b"curv" + bytes(4) + struct.pack(">I", len(levels)) + levels.tobytes()
    tags = {b"wtpt": _xyz(_D50)}
    for name, column in zip((b"r", b"g", b"b"), adapted.T, strict=True):
        tags |= {name + b"XYZ": _xyz(column), name + b"TRC": trc}
    return _assemble(tags)


def has_tables(profile: bytes) -> bool:
    """Say whether a profile maps colours by tables, so that no few colours tell what it does."""
    return any(name[:3] in (b"A2B", b"D2B") for name in _tags(profile))


def find_readings(declared: Declared) -> tuple[Declared, ...]:
    """Return a declaration as each viewer may read it.

    Browsers leave out chromaticities that they cannot use, and keep the exponent beside them.
    """
    match declared:
        case Profile(data):
            return _read_profile(data)
        case Calibration(exponent, chromaticities) if not _are_usable(chromaticities):
            return declared, Calibration(exponent)
    return (declared,)


def _are_usable(chromaticities: Chromaticities) -> bool:
    """Say whether all of them are colours, and the white is one of those that the others span."""
    if not all(x >= 0 and y > 0 and x + y <= 1 for x, y in chromaticities):
        return False
    white, *corners = chromaticities
    turns = [
        (second[0] - first[0]) * (white[1] - first[1])
        - (second[1] - first[1]) * (white[0] - first[0])
        for first, second in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    return min(turns) * max(turns) > 0 and abs(sum(turns)) > _MIN_GAMUT


def _read_profile(profile: bytes) -> tuple[Declared, ...]:
    """Return a profile by its tables, or by its curves, or by a code.

    Browsers read the tables A2B0 or, without it, A2B1, no floating-point ones (D2B), and before
    all others the code points of a `cicp` tag (ICC.1:2022, 9.2).
    """
    tags = _tags(profile)
    readings = [profile]
    if any(name[:3] == b"D2B" for name in tags):
        profile = _renamed(profile, {name: b"none" for name in tags if name[:3] == b"D2B"})
        readings.append(profile)
    if b"A2B0" not in tags:
        others = (name for name in (b"A2B1", b"A2B2") if name in tags)
        readings += [_renamed(profile, {name: b"A2B0"}) for name in others]
    codes = [Coded(*profile[at + 8 : at + 10]) for name, at in tags.items()
             if name == b"cicp" and at + 10 <= len(profile)]  # fmt: skip
    return (*(Profile(one) for one in dict.fromkeys(readings)), *codes)


def _tags(profile: bytes) -> dict[bytes, int]:
    """Return the tags of a profile with the places of their data."""
    count = int.from_bytes(profile[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
    start = _HEADER_BYTES + 4
    places = range(start, min(start + _TAG_BYTES * min(count, _MAX_TAGS), len(profile) - 11), 12)
    return {profile[at : at + 4]: int.from_bytes(profile[at + 4 : at + 8], "big") for at in places}


def _renamed(profile: bytes, names: dict[bytes, bytes]) -> bytes:
    changed, start = bytearray(profile), _HEADER_BYTES + 4
    for at in range(start, start + _TAG_BYTES * len(_tags(profile)), _TAG_BYTES):
        name = bytes(changed[at : at + 4])
        changed[at : at + 4] = names.get(name, name)
    return bytes(changed)


def with_plain_header(profile: bytes) -> bytes:
    """Return a profile with a header that says nothing but the kind of its colours.

    Browsers take no notice of the rest, and the library refuses a profile for it.
    """
    kind, space = profile[16:20], profile[20:24]
    device = b"prtr" if kind == b"CMYK" else b"mntr"
    header = _header(len(profile), device, kind, space)
    return header + profile[_HEADER_BYTES:]


def _header(length: int, device: bytes, kind: bytes, space: bytes) -> bytes:
    return struct.pack(
        ">I4x4s4s4s4s12x4s28x12s48x",
        length, b"\x02\x40\0\0", device, kind, space, b"acsp", _xyz(_D50)[8:],
    )  # fmt: skip


def _xyz(values: Floats) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(65536 * one) for one in values))


def _assemble(tags: dict[bytes, bytes]) -> bytes:
    table, bodies = b"", b""
    start = _HEADER_BYTES + 4 + _TAG_BYTES * len(tags)
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    header = _header(start + len(bodies), b"mntr", b"RGB ", b"XYZ ")
    return header + struct.pack(">I", len(tags)) + table + bodies
