"""Small files that ask for a great deal."""

from __future__ import annotations

import re
import struct
import zlib

from PIL import Image

from tests.pictures import drawn, encoded

_BLOCK = 1 << 20
_ADLER_MODULUS = 65_521
GIGABYTE = 1 << 30


def deflated_zeros(size_bytes: int) -> bytes:
    """Return zeros, compressed a thousandfold: a block of them once, which then is repeated."""
    blocks, rest = divmod(size_bytes, _BLOCK)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(_BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(rest)) + packer.flush()
    checksum = (size_bytes % _ADLER_MODULUS) << 16 | 1  # Of zeros (RFC 1950).
    return b"\x78\xda" + block * blocks + end + struct.pack(">I", checksum)


def chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    """Return a PNG chunk, which may claim to be longer than it is."""
    size = len(body) if length is None else length
    return struct.pack(">I", size) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_one_colour(side: int) -> bytes:
    """Return a black picture of one bit a pixel."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = deflated_zeros(side * (1 + (side + 7) // 8))
    body = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_with(part: bytes, seed: int = 1) -> bytes:
    """Return a drawn picture with a chunk put in after its header."""
    data = drawn(seed, "PNG")
    return data[:33] + part + data[33:]


def gif_of_many_frames(frames: int) -> bytes:
    """Return an animation of one-pixel frames."""
    header = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return header + frame * frames + b";"


def looping_tiff() -> bytes:
    """Return a TIFF whose directory names itself as the next one."""
    data = bytearray(drawn(1, "TIFF"))
    (at,) = struct.unpack_from("<I", data, 4)
    (fields,) = struct.unpack_from("<H", data, at)
    struct.pack_into("<I", data, at + 2 + 12 * fields, at)
    return bytes(data)


def tiff_in_a_tiff(depth: int) -> bytes:
    """Return a TIFF whose EXIF directory holds an EXIF directory, and so on."""
    places = [8 + 18 * level for level in range(depth + 1)]
    directories = [
        struct.pack("<HHHIII", 1, 34665, 4, 1, following, 0)
        for following in [*places[1:], places[-1] + 18]
    ]
    return b"II*\x00" + struct.pack("<I", 8) + b"".join(directories) + bytes(6)


def boxes_in_boxes(depth: int) -> bytes:
    """Return a HEIF file of boxes, each in the one before."""
    box = b""
    for _ in range(depth):
        box = struct.pack(">I4s", 8 + len(box), b"moov") + box
    return struct.pack(">I4s4sI", 16, b"ftyp", b"heic", 0) + box


def jpeg_of_many_scans(scans: int) -> bytes:
    """Return a large plain progressive JPEG that goes over its blocks again and again."""
    data = encoded(Image.new("L", (8000, 8000), 90), "JPEG", progressive=True)
    tables = [at.start() for at in re.finditer(b"\xff\xc4", data)]
    # The second scan: of so plain a picture it takes a hundred bytes, and as long as any other.
    return data[: tables[2]] + data[tables[1] : tables[2]] * scans + data[tables[2] :]


def icon_of_many_pictures(pictures: int) -> bytes:
    """Return an icon whose entries all point to the same picture."""
    picture = drawn(1, "PNG")
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(picture), 6 + 16 * pictures)
    return struct.pack("<HHH", 0, 1, pictures) + entry * pictures + picture
