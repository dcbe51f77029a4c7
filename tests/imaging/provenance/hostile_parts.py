"""Writers of forged and huge parts of files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from .carriers import (
    ASCII,
    LONG,
    UNDEFINED,
    encoded,
    exif_segment,
    gif_with,
    jpeg_with,
    picture,
    png_with,
    webp_with,
)
from .marked_packets import packet, source_packet
from .placed_items import bmff_with_item, box, boxes
from .signed_files import manifest_store, store_segments
from .signing import TRAINED, action, manifest, sign

Make = Callable[[], bytes]
MIB = 1 << 20
MOST = 0xFFFFFFFF


@cache
def _deflated_zeros(mebibytes: int) -> bytes:
    """The raw deflate stream of so many MiB of zeros, without inflating or deflating them all."""
    worker = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = worker.compress(bytes(MIB)) + worker.flush(zlib.Z_FULL_FLUSH)
    return first * mebibytes + zlib.compressobj(9, zlib.DEFLATED, -15).flush()


def zlib_bomb(mebibytes: int = 1024) -> bytes:
    """Return a zlib stream that inflates to so many MiB of zeros."""
    check = ((mebibytes * MIB) % 65521) << 16 | 1
    return b"\x78\xda" + _deflated_zeros(mebibytes) + struct.pack(">I", check)


def gzip_bomb(mebibytes: int = 1024) -> bytes:
    """Return a gzip stream that inflates to so many MiB of zeros."""
    check, zeros = 0, bytes(16 * MIB)
    for _ in range(mebibytes // 16):
        check = zlib.crc32(zeros, check)
    check = zlib.crc32(zeros[: mebibytes % 16 * MIB], check)
    trailer = struct.pack("<II", check, mebibytes * MIB & MOST)
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + _deflated_zeros(mebibytes) + trailer


def wide_stealth(content: Callable[[], bytes]) -> bytes:
    """A picture of 3,000 by 2,900 pixels with the gzip stream in the lowest bits of its alpha."""
    stream = content()
    data = b"\1stealth_pngcomp" + struct.pack(">I", 8 * len(stream)) + stream
    bits = bin(int.from_bytes(data, "big"))[3:].encode()
    values = bits.translate(bytes.maketrans(b"01", b"\xfe\xff")).ljust(3000 * 2900, b"\xff")
    alpha = Image.frombytes("L", (2900, 3000), values).transpose(Image.Transpose.TRANSPOSE)
    drawn = picture().resize((3000, 2900)).convert("RGBA")
    drawn.putalpha(alpha)
    return encoded("PNG", drawn, compress_level=1)


def with_exif(block: bytes) -> bytes:
    """Return a JPEG file with the EXIF block."""
    return jpeg_with(exif_segment(block))


def claims(tag: int, kind: int, count: int, offset: int) -> bytes:
    """An EXIF block of one entry with the count and the offset."""
    return b"II*\0" + struct.pack("<IHHHIII", 8, 1, tag, kind, count, offset, 0)


def loop(kind: str) -> bytes:
    """Return an EXIF block whose directories point back at themselves or each other."""
    match kind:
        case "next":
            return b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0131, ASCII, 4, 0x646362, 8)
        case "exif":
            return b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x8769, LONG, 1, 8, 0)
        case _:
            entry = struct.pack("<HHII", 0x8769, LONG, 1, 26)
            back = struct.pack("<HHII", 0xA005, LONG, 1, 8)
            return (
                b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4) + b"\1\0" + back + bytes(4)
            )


def long_chain(count: int = 5000) -> bytes:
    """Return an EXIF block with so many directories, each pointing at the next."""
    blocks = [
        struct.pack("<HHHIII", 1, 0x0131, ASCII, 4, 0x646362, 8 + 18 * (number + 1))
        for number in range(count)
    ]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(blocks) + bytes(18)


def shared_values() -> bytes:
    """An EXIF block of 5,000 entries that all share one value of 55 kB."""
    count, size = 5000, 55_000
    head = struct.pack("<IH", 8, count)
    entries = struct.pack("<HHII", 0x9286, UNDEFINED, size, 8) * count
    return b"II*\0" + head + entries + bytes(4) + b"UNICODE\0"


def laughs() -> bytes:
    """Return an XMP packet with entities that grow tenfold nine times."""
    entities = "".join(
        f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 10)
    )
    text = source_packet(source="&a9;").replace("&amp;", "&")
    start = text.index("<x:xmpmeta")
    return f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]>{text[start:]}'.encode()


def external(url: str) -> bytes:
    """Return an XMP packet with external entities at the address."""
    text = source_packet(source="&a;").replace("&amp;", "&")
    return (
        f'<!DOCTYPE x [<!ENTITY a SYSTEM "{url}"><!ENTITY % b SYSTEM "{url}"> %b;]>'
        f"{text[text.index('<x:xmpmeta') :]}"
    ).encode()


def deep(levels: int = 10_000) -> bytes:
    """Return an XMP packet with so many levels."""
    return packet("<a>" * levels + "</a>" * levels).encode()


def attributes(count: int) -> bytes:
    """Return an XMP packet with so many attributes."""
    return packet("", " ".join(f'a{number}="1"' for number in range(count))).encode()


def wide(size: int) -> bytes:
    """Return a marked XMP packet with so many blanks."""
    return (
        source_packet(form="element").encode().replace(b"</rdf:Desc", b" " * size + b"</rdf:Desc")
    )


def in_png(content: bytes) -> bytes:
    """Return a PNG file with the XMP packet."""
    return png_with([(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + content)])


def png_sized(size: int, kind: bytes = b"tEXt") -> bytes:
    """Return a PNG file with a chunk that announces the size."""
    plain = encoded("PNG")
    forged = struct.pack(">I", size) + kind + b"parameters\0Steps: 1" + bytes(4)
    return plain[:33] + forged + plain[33:]


def webp_sized(total: int, inner: int) -> bytes:
    """Return a WebP file whose RIFF and XMP sizes are false."""
    data = webp_with((b"XMP ", source_packet().encode()), flags=4)
    at = data.index(b"XMP ") + 4
    data = data[:at] + struct.pack("<I", inner) + data[at + 4 :]
    return data[:4] + struct.pack("<I", total) + data[8:]


def bmff_sized(kind: bytes, size: int, large: int | None = None) -> bytes:
    """An AVIF file with a box of the size (and the large size) before its `meta` box."""
    plain = encoded("AVIF")
    at = plain.index(b"meta") - 4
    head = struct.pack(">I", size) + kind + (b"" if large is None else struct.pack(">Q", large))
    return plain[:at] + head + plain[at:]


def bmff_meta(changed: Callable[[bytes, bytes], bytes]) -> bytes:
    """An AVIF file with an XMP item in which each box of the `meta` box is changed."""
    written = b""
    for kind, content in boxes(bmff_with_item("AVIF", source_packet().encode())):
        if kind == b"meta":
            inner = b"".join(changed(name, part) for name, part in boxes(content[4:]))
            written += box(kind, content[:4] + inner)
        else:
            written += box(kind, content)
    return written


def places(count: int, extents: int, offset: int, length: int, method: int = 0) -> bytes:
    """Return an `iloc` box of so many items with so many equal extents."""
    place = struct.pack(">II", offset, length) * extents
    items = b"".join(
        struct.pack(">HHHH", number, method, 0, extents) + place for number in range(1, count + 1)
    )
    return box(b"iloc", b"\x01\0\0\0\x44\0" + struct.pack(">H", count) + items)


def replaced(name: bytes, new: bytes) -> bytes:
    """Return an AVIF file in which one box of the `meta` box is another."""
    return bmff_meta(lambda kind, part: new if kind == name else box(kind, part))


def nested(kind: bytes, levels: int) -> bytes:
    """Return a box with so many boxes of its type in each other."""
    inner = b""
    for _ in range(levels):
        inner = box(kind, b"\0\0\0\0" + inner if kind == b"meta" else inner)
    return inner


def overlapping() -> bytes:
    """Return an AVIF file with a box that reaches into the next one."""
    plain = encoded("AVIF")
    at = plain.index(b"meta") - 4
    inner = box(b"free", bytes(8))
    return plain[:at] + struct.pack(">I4s", 24, b"free") + inner[:8] + plain[at:]


@cache
def store() -> bytes:
    """Return the manifest store of a signed file."""
    return manifest_store(sign(manifest(action(TRAINED)), "PNG"))


def forged_store(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """Return a JPEG file with changed segments of a manifest store."""
    return jpeg_with(*change(store_segments(store(), 2_000)))


def false_length(parts: list[bytes]) -> list[bytes]:
    """The first segment announces a box of almost 4 GiB."""
    return [parts[0][:12] + struct.pack(">I", MOST - 1) + parts[0][16:], *parts[1:]]


def deep_store(levels: int = 1000) -> bytes:
    """Return 1,000 manifest boxes in each other."""
    inner = b""
    for _ in range(levels):
        about = box(b"jumd", b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0")
        inner = box(b"jumb", about + inner)
    return inner


def gif_blocks() -> bytes:
    """Return a GIF file with 100,000 comments."""
    plain = gif_with(b"", b"a")
    at = plain.index(b"!\xfe")
    return plain[:at] + b"!\xfe\x01a\0" * 100_000 + plain[at:]
