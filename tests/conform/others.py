"""Files of formats that browsers do not show, over the features that the encoders offer."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from pillow_heif import from_pillow

from .pngs import exif
from .recipes import ALPHAS, Features, Format, alpha, picture


def _drawn(features: Features) -> Image.Image:
    size, seed = features["size"], features["seed"]
    image = picture(seed, size).convert(features["mode"])
    if features["alpha"] != "opaque" and features["mode"] in ("L", "RGB"):
        image.putalpha(Image.fromarray(alpha(features["alpha"], seed, size)))
    return image


def _write_jpeg_2000(features: Features) -> bytes:
    stream = io.BytesIO()
    _drawn(features).save(
        stream, "JPEG2000", irreversible=features["irreversible"], no_jp2=features["bare"],
        num_resolutions=features["resolutions"], tile_size=features["tiles"], mct=features["mct"],
        quality_layers=[10],
    )  # fmt: skip
    return stream.getvalue()


def _write_tga(features: Features) -> bytes:
    stream = io.BytesIO()
    image = _drawn(features)
    image.save(
        stream, "TGA", compression="tga_rle" if features["runs"] else None,
        orientation=1 if features["top down"] else -1, id_section=features["identity"],
    )  # fmt: skip
    return stream.getvalue()


def _write_netpbm(features: Features) -> bytes:
    grey = np.asarray(picture(features["seed"], features["size"]).convert("L")).astype(int)
    rgb = np.asarray(picture(features["seed"], features["size"])).astype(int)
    width, height = features["size"]
    kind, largest = features["kind"], features["largest"]
    head = f"P{kind}\n{features['comment']}{width} {height}\n"
    if kind in (1, 4):
        bits = (grey < 128).astype(np.uint8)
        body = " ".join(map(str, bits.ravel())).encode() if kind == 1 else (
            np.packbits(bits, axis=1).tobytes()
        )  # fmt: skip
        return head.encode() + body
    levels = (rgb if kind in (3, 6) else grey) * largest // 255
    head += f"{largest}\n"
    if kind in (2, 3):
        return head.encode() + " ".join(map(str, levels.ravel())).encode()
    kind_of_number = np.dtype(np.uint8) if largest < 256 else np.dtype(">u2")
    return head.encode() + bytes(levels.astype(kind_of_number).tobytes())


def _write_heif(features: Features) -> bytes:
    heif = from_pillow(_drawn(features))
    stream = io.BytesIO()
    options = {"quality": features["quality"], "chroma": features["chroma"]}
    if features["orientation"] is not None:
        options["exif"] = b"Exif\0\0" + exif(features["orientation"], "good")
    heif.save(stream, **options)
    return stream.getvalue()


_SIZES = ((160, 120), (97, 131))
JPEG_2000 = Format(
    "JPEG2000",
    {
        "size": _SIZES,
        "mode": ("RGB", "L"),
        "alpha": ALPHAS,
        "irreversible": (False, True),
        "bare": (False, True),
        "resolutions": (5, 1, 3),
        "tiles": (None, (64, 64)),
        "mct": (1, 0),
    },
    _write_jpeg_2000,
)
TGA = Format(
    "TGA",
    {
        "size": _SIZES,
        "mode": ("RGB", "L", "P"),
        "alpha": ALPHAS,
        "runs": (False, True),
        "top down": (False, True),
        "identity": (b"", b"some identity"),
    },
    _write_tga,
)
NETPBM = Format(
    "PPM",
    {
        "size": _SIZES,
        "kind": (6, 5, 4, 3, 2, 1),
        "largest": (255, 65535, 15, 1000),
        "comment": ("", "# a comment\n"),
    },
    _write_netpbm,
)
HEIF = Format(
    "HEIF",
    {
        "size": ((160, 120), (96, 132)),
        "mode": ("RGB", "L"),
        "alpha": ALPHAS,
        "quality": (80, 100, 30),
        "chroma": (420, 444, 422),
        "orientation": (None, 1, 2, 3, 4, 5, 6, 7, 8),
    },
    _write_heif,
)
