"""Writers of picture files with metadata put in by hand, one small function for each carrier."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import pillow_heif
from PIL import Image, ImageDraw, TiffImagePlugin

Chunk = tuple[bytes, bytes]
Entry = tuple[int, int, bytes]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_ID = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION_ID = b"http://ns.adobe.com/xmp/extension/\0"
BYTE, ASCII, SHORT, LONG, UNDEFINED = 1, 2, 3, 4, 7
SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, UNDEFINED: 1}


@cache
def _drawn() -> Image.Image:
    gradient = Image.linear_gradient("L").resize((200, 150))
    turned = Image.radial_gradient("L").resize((200, 150))
    drawn = Image.merge("RGB", (gradient, turned, gradient.transpose(Image.Transpose.ROTATE_180)))
    pen = ImageDraw.Draw(drawn)
    pen.ellipse((20, 20, 110, 90), fill=(200, 60, 40), outline=(255, 255, 255))
    pen.ellipse((90, 60, 180, 140), fill=(40, 120, 200), outline=(0, 0, 0))
    pen.line((0, 149, 199, 0), fill=(250, 230, 20), width=3)
    return drawn


def picture() -> Image.Image:
    """Return a drawn picture of 200 by 150 pixels: gradients, two ellipses and a line."""
    return _drawn().copy()


def encoded(kind: str, drawn: Image.Image | None = None, **options: Any) -> bytes:
    """Return the picture as a file of the kind, without metadata unless the options say so."""
    drawn = drawn or picture()
    stream = io.BytesIO()
    match kind:
        case "HEIC":
            heif = pillow_heif.from_pillow(drawn)
            quick = {"enc_params": {"preset": "ultrafast"}}
            heif.save(stream, **{"quality": 60, **quick, **options})
        case "AVIF":
            drawn.save(stream, "AVIF", **{"speed": 10, "quality": 60, **options})
        case "GIF":
            drawn.quantize(64).save(stream, "GIF", **options)
        case _:
            drawn.save(stream, kind, **options)
    return stream.getvalue()


def exif_block(
    ifd0: Sequence[Entry] = (),
    exif: Sequence[Entry] = (),
    order: Literal["little", "big"] = "little",
) -> bytes:
    """Return a TIFF block with the entries (tag, type, value) in IFD0 and in the Exif IFD."""
    end = "<" if order == "little" else ">"
    first = list(ifd0)
    if exif:
        offset = 8 + _ifd_size([*first, (0x8769, LONG, b"\0\0\0\0")])
        first.append((0x8769, LONG, struct.pack(f"{end}I", offset)))
    body = _ifd(sorted(first), 8, end)
    if exif:
        body += _ifd(sorted(exif), 8 + len(body), end)
    return (b"II*\0" if end == "<" else b"MM\0*") + struct.pack(f"{end}I", 8) + body


def _ifd_size(entries: Sequence[Entry]) -> int:
    longer = sum(len(value) + len(value) % 2 for _, _, value in entries if len(value) > 4)
    return 2 + 12 * len(entries) + 4 + longer


def _ifd(entries: Sequence[Entry], start: int, end: str) -> bytes:
    head, tail = struct.pack(f"{end}H", len(entries)), b""
    at = start + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        head += struct.pack(f"{end}HHI", tag, kind, len(value) // SIZES[kind])
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack(f"{end}I", at + len(tail))
            tail += value + b"\0" * (len(value) % 2)
    return head + b"\0\0\0\0" + tail


def text_entry(tag: int, text: str) -> Entry:
    """Return an ASCII entry of the tag with the text in UTF-8 and its final zero."""
    return tag, ASCII, text.encode() + b"\0"


def comment_entry(text: str, charset: str = "unicode-be") -> Entry:
    """Return the UserComment of the Exif IFD with the text in the named charset."""
    match charset:
        case "ascii":
            value = b"ASCII\0\0\0" + text.encode()
        case "unicode-be":
            value = b"UNICODE\0" + text.encode("utf-16-be")
        case "unicode-le":
            value = b"UNICODE\0" + text.encode("utf-16-le")
        case "unicode-bom":
            value = b"UNICODE\0" + text.encode("utf-16")
        case "unicode-utf-8":
            value = b"UNICODE\0" + text.encode()
        case "jis":
            value = b"JIS\0\0\0\0\0" + text.encode("iso2022_jp")
        case "undefined":
            value = bytes(8) + text.encode()
        case _:
            value = text.encode()
    return 0x9286, UNDEFINED, value


def png_chunks(data: bytes) -> list[Chunk]:
    """Return the chunks of a PNG file as pairs of type and content."""
    at, chunks = 8, []
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return chunks


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return one chunk with its size and check sum."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png_with(
    before: Sequence[Chunk] = (), after: Sequence[Chunk] = (), plain: bytes | None = None
) -> bytes:
    """Return a PNG file with the chunks after the IHDR and before the IEND."""
    header, *middle, last = png_chunks(plain or encoded("PNG"))
    return PNG_SIGNATURE + b"".join(
        png_chunk(*chunk) for chunk in (header, *before, *middle, *after, last)
    )


def png_text(keyword: str, text: str, form: str = "tEXt") -> Chunk:
    """Return a text chunk; the form is tEXt, zTXt, iTXt, or "iTXt zip" for a compressed iTXt."""
    name = keyword.encode("latin-1") + b"\0"
    if form == "tEXt":
        return b"tEXt", name + text.encode("latin-1", "replace")
    if form == "zTXt":
        return b"zTXt", name + b"\0" + zlib.compress(text.encode("latin-1", "replace"))
    if form == "iTXt":
        return b"iTXt", name + b"\0\0\0\0" + text.encode()
    return b"iTXt", name + b"\x01\0en\0\0" + zlib.compress(text.encode())


def raw_profile(kind: str, content: bytes, form: str = "zTXt") -> Chunk:
    """Return a legacy text chunk "Raw profile type …": a name, a length, then hex digits."""
    digits = content.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return png_text(f"Raw profile type {kind}", f"\n{kind}\n{len(content):8}\n{lines}\n", form)


def segment(marker: int, content: bytes) -> bytes:
    """Return a JPEG segment with its length."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_with(*segments: bytes, after_jfif: bool = True, tail: bytes = b"") -> bytes:
    """Return a JPEG file with the segments near its start and the tail after its end."""
    plain = encoded("JPEG", quality=90)
    start = 2
    if after_jfif:
        start += 2 + int.from_bytes(plain[4:6], "big")
    return plain[:start] + b"".join(segments) + plain[start:] + tail


def exif_segment(block: bytes) -> bytes:
    """Return the APP1 segment that holds an EXIF block."""
    return segment(0xE1, b"Exif\0\0" + block)


def xmp_segment(packet: bytes) -> bytes:
    """Return the APP1 segment that holds an XMP packet."""
    return segment(0xE1, XMP_ID + packet)


def extended_segments(packet: bytes, guid: str, size: int = 20_000) -> list[bytes]:
    """Return the APP1 segments of an extended XMP packet, in order."""
    return [
        segment(
            0xE1,
            EXTENSION_ID
            + guid.encode()
            + struct.pack(">II", len(packet), at)
            + packet[at : at + size],
        )
        for at in range(0, len(packet), size)
    ]


def riff_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a RIFF chunk, padded to an even length."""
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def webp_with(*chunks: Chunk, flags: int = 0x0C, before: bool = False) -> bytes:
    """Return a lossy WebP file in the extended form with the chunks after (or before) the pixels.

    The flags 0x08 and 0x04 announce EXIF and XMP.
    """
    pixels = encoded("WEBP", quality=80)[12:]
    header = struct.pack("<I", flags) + (199).to_bytes(3, "little") + (149).to_bytes(3, "little")
    extra = b"".join(riff_chunk(*chunk) for chunk in chunks)
    body = riff_chunk(b"VP8X", header) + (extra + pixels if before else pixels + extra)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def gif_with(packet: bytes = b"", comment: bytes = b"") -> bytes:
    """Return a GIF file with an XMP packet and a comment before its picture."""
    plain = encoded("GIF")
    start = 13 + (3 * 2 ** ((plain[10] & 7) + 1) if plain[10] & 0x80 else 0)
    extra = b""
    if packet:
        trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
        extra += b"!\xff\x0bXMP DataXMP" + packet + trailer
    if comment:
        blocks = [comment[at : at + 255] for at in range(0, len(comment), 255)]
        extra += b"!\xfe" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return b"GIF89a" + plain[6:start] + extra + plain[start:]


def tiff_with(
    packet: bytes = b"", ifd0: Sequence[Entry] = (), exif: Sequence[Entry] = (), **options: Any
) -> bytes:
    """Return a TIFF file with the XMP packet and the entries in its first directory."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    if packet:
        directory.tagtype[700] = BYTE
        directory[700] = packet
    for tag, kind, value in ifd0:
        directory.tagtype[tag] = kind
        directory[tag] = value.rstrip(b"\0").decode() if kind == ASCII else value
    if exif:
        inner = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, kind, value in exif:
            inner.tagtype[tag] = kind
            inner[tag] = value
        directory[0x8769] = dict(inner)
    return encoded("TIFF", tiffinfo=directory, **options)


def stealth(
    text: str | bytes,
    signature: str = "stealth_pngcomp",
    claimed_bits: int | None = None,
    trailing: bytes = b"",
) -> Image.Image:
    """Return the picture with the text in the lowest bits of its alpha or colour values.

    The bits run down the columns, the first column first, the highest bit of a byte first.
    """
    content = text.encode() if isinstance(text, str) else text
    if signature.endswith("comp") and isinstance(text, str):
        content = gzip.compress(content, mtime=0)
    bits = 8 * len(content) if claimed_bits is None else claimed_bits
    data = signature.encode() + struct.pack(">I", bits & 0xFFFFFFFF) + content + trailing
    stream = [byte >> place & 1 for byte in data for place in range(7, -1, -1)]
    in_alpha = "png" in signature
    drawn = picture().convert("RGBA" if in_alpha else "RGB")
    pixels = drawn.load()
    assert pixels is not None
    each = 1 if in_alpha else 3
    for at in range(0, len(stream), each):
        spot = divmod(at // each, drawn.height)
        old = pixels[spot]
        assert isinstance(old, tuple)
        part = stream[at : at + each]
        if in_alpha:
            pixels[spot] = (*old[:3], (old[3] & ~1) | part[0])
        else:
            new = [(value & ~1) | bit for value, bit in zip(old, part, strict=False)]
            pixels[spot] = (*new, *old[len(new) :])
    return drawn


def in_each(
    xmp: bytes = b"", ifd0: Sequence[Entry] = (), exif: Sequence[Entry] = ()
) -> dict[str, Callable[[], bytes]]:
    """Return makers of files with the XMP or the EXIF, one for each container that can hold it."""
    block = exif_block(ifd0, exif) if ifd0 or exif else b""
    options: dict[str, Any] = {}
    if xmp:
        options["xmp"] = xmp
    if block:
        options["exif"] = b"Exif\0\0" + block
    before: list[Chunk] = []
    riff: list[Chunk] = []
    segments: list[bytes] = []
    if block:
        before.append((b"eXIf", block))
        riff.append((b"EXIF", block))
        segments.append(exif_segment(block))
    if xmp:
        before.append(png_text("XML:com.adobe.xmp", xmp.decode(), "iTXt"))
        riff.append((b"XMP ", xmp))
        segments.append(xmp_segment(xmp))
    flags = (8 if block else 0) | (4 if xmp else 0)
    makers: dict[str, Callable[[], bytes]] = {
        "jpeg": lambda: jpeg_with(*segments),
        "png": lambda: png_with(before),
        "webp": lambda: webp_with(*riff, flags=flags),
        "avif": lambda: encoded("AVIF", **options),
        "heic": lambda: encoded("HEIC", **options),
        "tiff": lambda: tiff_with(xmp, ifd0, exif),
    }
    if xmp and not block:
        makers["gif"] = lambda: gif_with(xmp)
    return makers
