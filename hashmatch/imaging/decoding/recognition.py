"""Recognition of image formats by content alone; file names and MIME types are not trusted."""

from __future__ import annotations

import re
import struct

# Formats by Pillow's names, with the bytes that their files start with.
_SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("JPEG", rb"\xff\xd8\xff"),
        ("PNG", rb"\x89PNG\r\n\x1a\n"),
        ("GIF", rb"GIF8[79]a"),
        ("WEBP", rb"RIFF....WEBP"),
        ("TIFF", rb"II[*+]\x00|MM\x00[*+]"),
        ("BMP", rb"BM"),
        ("JPEG2000", rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  \r\n\x87\n"),
        ("JXL", rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n"),
        # Icons, and cursors: a Targa picture begins like one that has no entries.
        ("ICO", rb"\x00\x00(?:\x01\x00|\x02\x00(?!\x00\x00))"),
        ("PSD", rb"8BPS"),
        ("PPM", rb"P[1-7f][\s]"),
    )
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_MAX_BRANDS = 64

# TGA has no signature: every field of its header has to be consistent with the others. Bits per
# pixel by image type.
_TGA_DEPTHS = {
    1: (8,),
    2: (16, 24, 32),
    3: (8, 16),
    9: (8,),
    10: (16, 24, 32),
    11: (8, 16),
}
_TGA_HEADER = struct.Struct("<BBBHHBHHHHBB")


def recognise(data: bytes) -> str | None:
    """Return the format's name, or None for a file of unknown format."""
    for name, signature in _SIGNATURES:
        if signature.match(data):
            return name
    if data[4:8] == b"ftyp":
        return _format_by_brand(data)
    return "TGA" if _is_tga(data) else None


def _format_by_brand(data: bytes) -> str | None:
    """Return AVIF or HEIF, which share a container and name their brands in its first box."""
    length = min(int.from_bytes(data[:4], "big"), 16 + 4 * _MAX_BRANDS)
    brands = {data[8:12]} | {data[at : at + 4] for at in range(16, length, 4)}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def _is_tga(data: bytes) -> bool:
    if len(data) < _TGA_HEADER.size:
        return False
    (
        id_bytes,
        has_map,
        kind,
        map_start,
        map_length,
        map_depth,
        _,
        _,
        width,
        height,
        depth,
        flags,
    ) = _TGA_HEADER.unpack_from(data)
    if kind not in _TGA_DEPTHS or depth not in _TGA_DEPTHS[kind] or not width or not height:
        return False
    if has_map > 1 or (kind in (1, 9)) != bool(has_map) or flags & 0xC0:
        return False
    if has_map and (map_depth not in (15, 16, 24, 32) or not map_length):
        return False
    if not has_map and (map_start or map_length):
        return False
    # Run lengths shrink a picture to a 128th at best. A file without them may be truncated, which
    # does not make it another format.
    min_pixel_bytes = 0 if kind < 8 else width * height * depth // 8 // 128
    required_bytes: int = (
        _TGA_HEADER.size + id_bytes + map_length * map_depth // 8 + min_pixel_bytes
    )
    return len(data) >= required_bytes
