"""AVIF files over the features that the encoder offers, with any code points of their colours."""

from __future__ import annotations

import io
import struct

from PIL import Image

from .pngs import exif
from .profiles import PROFILES
from .recipes import ALPHAS, Features, Format, alpha, picture

_FEATURES: dict[str, tuple[object, ...]] = {
    "size": ((160, 120), (128, 128), (97, 131)),
    "grey": (False, True),
    "alpha": ALPHAS,
    "subsampling": ("4:2:0", "4:4:4", "4:2:2", "4:0:0"),
    "range": ("full", "limited"),
    "premultiplied": (False, True),
    "profile": (None, *PROFILES),
    "code points": (
        None,
        (1, 13),
        (9, 16),
        (9, 18),
        (12, 13),
        (1, 8),
        (9, 1),
        (1, 4),
        (2, 2),
        (2, 16),
        (2, 18),
        (99, 16),
    ),
    "orientation": (None, 1, 2, 3, 4, 5, 6, 7, 8),
    "frames": (1, 2, 3),
    "quality": (80, 100, 30),
    "behind": (b"", b"rubbish behind the end"),
}


def _write(features: Features) -> bytes:
    frames = [_frame(features, number) for number in range(features["frames"])]
    options = {
        "quality": features["quality"],
        "subsampling": features["subsampling"],
        "range": features["range"],
        "alpha_premultiplied": features["premultiplied"],
        "speed": 10,
    }
    if features["profile"]:
        options["icc_profile"] = PROFILES[features["profile"]]
    # The encoder crashes where it has to turn more than one frame.
    if features["orientation"] is not None and len(frames) == 1:
        options["exif"] = exif(features["orientation"], "good")
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:], "duration": 100}
    stream = io.BytesIO()
    frames[0].save(stream, "AVIF", **options)
    data = bytearray(stream.getvalue())
    at = data.find(b"colrnclx")
    if features["code points"] is not None and at >= 0:
        struct.pack_into(">HH", data, at + 8, *features["code points"])
    behind: bytes = features["behind"]
    return bytes(data) + behind


def _frame(features: Features, number: int) -> Image.Image:
    size, seed = features["size"], features["seed"] + number
    image = picture(seed, size).convert("L" if features["grey"] else "RGB")
    if features["alpha"] != "opaque":
        image.putalpha(Image.fromarray(alpha(features["alpha"], seed, size)))
    return image


AVIF = Format("AVIF", _FEATURES, _write)
