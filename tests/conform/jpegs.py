"""JPEG files over every feature that changes what is shown."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from .gains import with_gain_map
from .pngs import exif
from .profiles import PROFILES
from .recipes import Features, Format, picture

_FEATURES: dict[str, tuple[object, ...]] = {
    "size": ((160, 120), (333, 200), (1700, 1600)),
    "mode": ("RGB", "L", "CMYK", "YCbCr"),
    "colours": ("own", "another picture", "beyond the screen", "fine"),
    "amplitude": (127, 60, 30),
    "quality": (90, 60, 100, 10),
    "subsampling": (2, 0, 1),
    "progressive": (False, True),
    "profile": (None, *PROFILES),
    "orientation": (None, 1, 2, 3, 4, 5, 6, 7, 8),
    "exif": ("good", "text", "cut"),
    "jfif": (True, False),
    "adobe": (None, 0, 1, 2),
    "identifiers": (None, b"RGB", b"\0\1\2", b"\5\6\7"),
    "restart": (0, 4),
    "comment": (b"", b"some comment"),
    "behind": (b"", b"rubbish behind the end"),
    "gain map": (None, "xmp", "iso"),
    "base is HDR": (True, False),
    "map mode": ("L", "RGB"),
    "map size": ((160, 120), (40, 30)),
}


def _picture(features: Features) -> Image.Image:
    size, seed, mode = features["size"], features["seed"], features["mode"]
    if mode != "YCbCr":
        return picture(seed, size).convert(mode)
    luma = np.array(picture(seed, size).convert("L"))
    hidden = np.array(picture(seed + 1, size).convert("L")).astype(int) - 128
    y, x = np.mgrid[: size[1], : size[0]]
    share = features["amplitude"] / 127
    match features["colours"]:
        case "own":
            return picture(seed, size).convert("YCbCr")
        case "another picture":
            blue, red = hidden * share, -hidden * share
        case "beyond the screen":
            luma = (luma // 4 + 180).astype(np.uint8)
            blue, red = np.maximum(hidden, 0) * 2 * share, np.maximum(hidden, 0) * 2 * share
        case _:
            sign = np.where((x // 2 + y // 2) % 2, 1, -1)
            luma = (luma // 8 + 200).astype(np.uint8)
            blue = red = sign * (hidden + 128) / 2 * share
    planes = [luma, *(np.clip(128 + one, 0, 255).astype(np.uint8) for one in (blue, red))]
    return Image.merge("YCbCr", [Image.fromarray(one) for one in planes])


def _write(features: Features) -> bytes:
    stream = io.BytesIO()
    options = {"quality": features["quality"], "progressive": features["progressive"]}
    if features["mode"] in ("RGB", "YCbCr"):
        options["subsampling"] = features["subsampling"]
    if features["profile"] is not None:
        options["icc_profile"] = PROFILES[features["profile"]]
    if features["orientation"] is not None:
        options["exif"] = b"Exif\0\0" + exif(features["orientation"], features["exif"])
    if features["comment"]:
        options["comment"] = features["comment"]
    if features["restart"]:
        options["restart_marker_rows"] = features["restart"]
    _picture(features).save(stream, "JPEG", **options)
    data, behind = _remarked(stream.getvalue(), features), features["behind"]
    if features["gain map"] is not None:
        gains = io.BytesIO()
        map_picture = picture(features["seed"] + 7, features["map size"])
        map_picture.convert(features["map mode"]).save(gains, "JPEG", quality=90)
        data = with_gain_map(
            data, gains.getvalue(), features["gain map"], is_base_hdr=features["base is HDR"]
        )
    return bytes(data + behind)


def _remarked(data: bytes, features: Features) -> bytes:
    """Return the file with other marks of how its components are meant."""
    segments, at = [data[:2]], 2
    if (adobe := features["adobe"]) is not None:
        segments.append(b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([adobe]))
    identifiers = features["identifiers"]
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        segment = bytearray(data[at:end])
        kind = segment[1]
        if kind in (0xC0, 0xC2) and identifiers and segment[9] == 3:
            segment[10::3] = identifiers
        is_dropped = (kind == 0xE0 and not features["jfif"]) or (kind == 0xEE and adobe is not None)
        if not is_dropped:
            segments.append(bytes(segment))
        at = end
    scans = bytearray(data[at:])
    if identifiers and scans[4] == 3 and not features["progressive"]:
        scans[5:11:2] = identifiers
    return b"".join(segments) + bytes(scans)


JPEG = Format("JPEG", _FEATURES, _write, frozenset({"exif"}))
