"""GIF files over every feature of the format."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from .recipes import SIZES, Features, Format, picture

_FEATURES: dict[str, tuple[object, ...]] = {
    "size": SIZES,
    "version": (b"89a", b"87a"),
    "screen": ("same", "larger", "smaller", "nothing"),
    "frames": (1, 2, 3, 4),
    "local": (False, True),
    "global": (True, False),
    # The size of the tables as a power of two: indices may be beyond it.
    "table": (8, 7, 5, 1),
    "interlaced": (False, True),
    "transparent": (False, True),
    "see-through": (False, True),
    "disposal": (0, 1, 2, 3, 4, 5, 7),
    "other disposal": (0, 1, 2, 3, 4, 5, 7),
    "first offset": ((0, 0), (10, 20)),
    "offset": ((0, 0), (10, 20), (50, 40)),
    "part": (1.0, 0.5, 1.5),
    "delay": (10, 0, 1, 6000),
    "background": (0, 5, 255),
    "extension": (b"", b"\x21\xfe\x04text\0", b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"),
    "end": (b";", b"", b";rubbish"),
}


def _codes(indices: bytes) -> bytes:
    """Return the indices as codes of nine bits, with a clear code before the table grows."""
    bits = []
    for start in range(0, len(indices), 250):
        bits += [256, *indices[start : start + 250]]
    numbers = np.array([*bits, 257], np.uint32)
    packed = np.packbits(((numbers[:, None] >> np.arange(9)) & 1).astype(np.uint8).ravel(),
                         bitorder="little")  # fmt: skip
    data = packed.tobytes()
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    return b"\x08" + b"".join(bytes([len(one)]) + one for one in blocks) + b"\0"


def _indexed(seed: int, size: tuple[int, int], features: Features) -> tuple[np.ndarray, bytes]:
    image = picture(seed, size).quantize(255, dither=Image.Dither.NONE)
    indices = np.array(image)
    palette = bytes(image.getpalette() or b"").ljust(765, b"\0") + b"\xff\0\xff"
    if features["see-through"]:
        y, x = np.mgrid[: size[1], : size[0]]
        indices[(x // 16 + y // 16) % 3 == 0] = 255
    return indices, palette[: 3 * 2 ** features["table"]]


def _frame(number: int, features: Features, size: tuple[int, int], shared: bytes) -> bytes:
    left, top = features["offset"] if number else features["first offset"]
    if number:
        size = tuple(max(8, int(one * features["part"])) for one in size)  # type: ignore[assignment]
    indices, palette = _indexed(features["seed"] + number, size, features)
    has_own = features["local"] or not features["global"] or palette != shared
    disposal = features["disposal"] if number % 2 == 0 else features["other disposal"]
    flags = disposal << 2 | (1 if features["transparent"] or features["see-through"] else 0)
    control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, features["delay"], 255, 0)
    if features["interlaced"]:
        rows = [indices[0::8], indices[4::8], indices[2::4], indices[1::2]]
        indices = np.concatenate(rows)
    packed = (0x80 | (features["table"] - 1) if has_own else 0) | (
        0x40 if features["interlaced"] else 0
    )
    descriptor = struct.pack("<BHHHHB", 0x2C, left, top, *size, packed)
    return control + descriptor + (palette if has_own else b"") + _codes(indices.tobytes())


def _write(features: Features) -> bytes:
    size = width, height = features["size"]
    screen = {
        "same": size,
        "larger": (width + 30, height + 50),
        "smaller": (width // 2, height // 2),
        "nothing": (0, 0),
    }[features["screen"]]
    _, shared = _indexed(features["seed"], size, features)
    flags = (0xF0 | (features["table"] - 1)) if features["global"] else 0x70
    head = (
        b"GIF"
        + features["version"]
        + struct.pack("<HHBBB", *screen, flags, features["background"], 0)
    )
    table = shared if features["global"] else b""
    frames = (_frame(number, features, size, shared) for number in range(features["frames"]))
    parts: list[bytes] = [head, table, features["extension"], *frames, features["end"]]
    return b"".join(parts)


GIF = Format("GIF", _FEATURES, _write)
