"""JPEG XL files over the features that the encoder offers."""

from __future__ import annotations

import io

from PIL import Image

from hashmatch.imaging import load_jxl

from .recipes import ALPHAS, Features, Format, alpha, picture

_FEATURES: dict[str, tuple[object, ...]] = {
    "size": ((160, 120), (128, 128), (97, 131)),
    "mode": ("RGB", "L"),
    "alpha": ALPHAS,
    "lossless": (False, True),
    "container": (False, True),
    "quality": (90, 50),
    "behind": (b"", b"rubbish behind the end"),
}


def _write(features: Features) -> bytes:
    load_jxl()
    size, seed = features["size"], features["seed"]
    image = picture(seed, size).convert(features["mode"])
    if features["alpha"] != "opaque":
        image.putalpha(Image.fromarray(alpha(features["alpha"], seed, size)))
    stream = io.BytesIO()
    image.save(
        stream, "JXL", lossless=features["lossless"], quality=features["quality"], effort=1,
        use_container=features["container"],
    )  # fmt: skip
    behind: bytes = features["behind"]
    return stream.getvalue() + behind


JXL = Format("JXL", _FEATURES, _write)
