"""Forged, truncated, nested and huge files: a reader must end soon, in little memory, on each.

What a reader finds in them is left open; only what it must not do is certain.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import partial

from .carriers import (
    ASCII,
    LONG,
    PNG_SIGNATURE,
    UNDEFINED,
    comment_entry,
    encoded,
    exif_block,
    exif_segment,
    extended_segments,
    gif_with,
    jpeg_with,
    png_chunk,
    png_text,
    png_with,
    raw_profile,
    riff_chunk,
    segment,
    stealth,
    webp_with,
    xmp_segment,
)
from .hostile_parts import (
    MIB,
    MOST,
    attributes,
    bmff_meta,
    bmff_sized,
    claims,
    deep,
    deep_store,
    external,
    false_length,
    forged_store,
    gif_blocks,
    gzip_bomb,
    in_png,
    laughs,
    long_chain,
    loop,
    nested,
    overlapping,
    places,
    png_sized,
    replaced,
    shared_values,
    store,
    webp_sized,
    wide,
    wide_stealth,
    with_exif,
    zlib_bomb,
)
from .marked_files import CASES
from .marked_packets import source_packet
from .placed_items import box
from .signed_files import store_segments

Make = Callable[[], bytes]


def _cut(make: Make, part: float) -> bytes:
    data = make()
    return data[: int(len(data) * part)]


_BIG_COMMENT = exif_block((), [comment_entry("Steps: 1, Sampler: a, " * 2000)])
_XMP = {
    "laughs": laughs,
    "external_file": partial(external, "file:///etc/passwd"),
    "external_net": partial(external, "http://127.0.0.1:9/a"),
    "deep": deep,
    "many_attributes": partial(attributes, 5_000),
    "not_closed": lambda: b"<x:xmpmeta><rdf:RDF><rdf:Description " + b"a" * 10_000,
    "wrong_bytes": lambda: source_packet().encode().replace(b"trained", b"tr\xff\xfened\0"),
    "wrong_charset": lambda: b'<?xml version="1.0" encoding="utf-7"?>' + source_packet().encode(),
    "odd_utf_16": lambda: source_packet().encode("utf-16")[:-1],
    "utf_32": lambda: source_packet().encode("utf-32"),
    "no_prefix": lambda: b'<a DigitalSourceType="trainedAlgorithmicMedia"/>',
    "empty": lambda: b"",
}
_BIG_XMP = {"wide_50_mib": partial(wide, 50 * MIB), "deep_1m": partial(deep, 1_000_000)}
_PNG: dict[str, Make] = {
    "ztxt_bomb": lambda: png_with([(b"zTXt", b"parameters\0\0" + zlib_bomb())]),
    "itxt_bomb": lambda: png_with([(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib_bomb())]),
    "ztxt_bomb_after": lambda: png_with((), [(b"zTXt", b"prompt\0\0" + zlib_bomb())]),
    "ztxt_bombs": lambda: png_with([(b"zTXt", b"a\0\0" + zlib_bomb(64))] * 200),
    "profile_bomb": lambda: png_with([(b"zTXt", b"Raw profile type exif\0\0" + zlib_bomb())]),
    "profile_false_length": lambda: png_with(
        [png_text("Raw profile type exif", "\nexif\n 99999999999999\nzz00\n")]
    ),
    "profile_long_number": lambda: png_with(
        [png_text("Raw profile type xmp", "\nxmp\n" + "9" * 100_000 + "\n00\n")]
    ),
    "profile_odd_digits": lambda: png_with([raw_profile("exif", b"Exif\0\0" + b"\xff" * 3000)]),
    "ztxt_broken": lambda: png_with([(b"zTXt", b"parameters\0\0\x78\xda\xff\xff\xff")]),
    "ztxt_method": lambda: png_with([(b"zTXt", b"parameters\0\x07" + zlib.compress(b"a"))]),
    "text_no_zero": lambda: png_with([(b"tEXt", b"parameters"), (b"iTXt", b"prompt\0\1")]),
    "text_empty": lambda: png_with(
        [(b"tEXt", b""), (b"zTXt", b""), (b"iTXt", b""), (b"eXIf", b"")]
    ),
    "text_32_mib": lambda: png_with([(b"tEXt", b"parameters\0" + b"a" * 32 * MIB)]),
    "deep_json": lambda: png_with([png_text("prompt", "[" * 200_000 + "]" * 200_000)]),
    "deep_json_objects": lambda: png_with([png_text("workflow", '{"a":' * 100_000)]),
    "long_number_json": lambda: png_with([png_text("prompt", '{"a": ' + "9" * 500_000 + "}")]),
    "many_chunks": lambda: png_with([png_text("a", "b")] * 100_000),
    "many_parameters": lambda: png_with([png_text("parameters", "Steps: 1, Sampler: a")] * 100_000),
    "many_empty": lambda: PNG_SIGNATURE + png_chunk(b"tEXt", b"") * 100_000,
    "wrong_sum": lambda: encoded("PNG")[:29] + b"\0\0\0\0" + encoded("PNG")[33:],
    **{f"size_{size:x}": partial(png_sized, size) for size in (MOST, 0x7FFFFFFF, 0x80000000)},
    "sized_exif": partial(png_sized, MOST, b"eXIf"),
    "sized_store": partial(png_sized, MOST, b"caBX"),
    "signature_only": lambda: PNG_SIGNATURE,
    "two_stores": lambda: png_with([(b"caBX", store()), (b"caBX", store())]),
    "deep_store": lambda: png_with([(b"caBX", deep_store())]),
    "noise_store": lambda: png_with([(b"caBX", bytes(range(256)) * 100)]),
    **{
        f"stealth_{name}": partial(
            lambda s, c, b: encoded("PNG", stealth(c, s, b)), sign_, text, bits
        )
        for name, sign_, text, bits in (
            ("no_gzip", "stealth_pngcomp", b"not gzip at all", None),
            ("claims_all", "stealth_pnginfo", b"a", MOST),
            ("claims_all_zipped", "stealth_pngcomp", b"a", MOST),
            ("claims_none", "stealth_pngcomp", b"a", 0),
            ("claims_odd", "stealth_rgbinfo", b"abc", 13),
            ("claims_rgb", "stealth_rgbcomp", b"a", 0x80000000),
        )
    },
    "stealth_bomb_3_mib": lambda: encoded("PNG", stealth(gzip_bomb(3), "stealth_pngcomp")),
    "stealth_bomb_cut": lambda: encoded("PNG", stealth(gzip_bomb(32)[:9000], "stealth_rgbcomp")),
    "stealth_bomb": partial(wide_stealth, gzip_bomb),
}
_JPEG: dict[str, Make] = {
    **{
        f"exif_{name}": partial(with_exif, block)
        for name, block in (
            ("loop_next", loop("next")),
            ("loop_exif", loop("exif")),
            ("loop_two", loop("two")),
            ("chain", long_chain(3000)),
            ("shared", shared_values()),
            ("count", claims(0x9286, UNDEFINED, MOST, 8)),
            ("count_long", claims(0x010E, LONG, MOST, 8)),
            ("offset", claims(0x010F, ASCII, 100, MOST)),
            ("offset_wraps", claims(0x010F, ASCII, 0x20, MOST - 0x0F)),
            ("type", claims(0x010F, 0xFFFF, 100, 8)),
            ("type_0", claims(0x010F, 0, 100, 8)),
            ("first_far", b"MM\0*\xff\xff\xff\xff"),
            ("first_0", b"II*\0\0\0\0\0"),
            ("entries", b"II*\0\x08\0\0\0\xff\xff"),
            ("short", b"II*"),
            ("empty", b""),
            ("order", b"XX*\0\x08\0\0\0"),
            ("big_tiff", b"II+\0\x08\0\0\0" + struct.pack("<Q", 1 << 63)),
            ("own_jpeg", b"II*\0\x08\0\0\0\0\0\0\0\0\0" + b"\xff\xd8\xff\xe1" * 100),
            ("comment_short", exif_block((), [(0x9286, UNDEFINED, b"UNICOD")])),
            ("comment_odd", exif_block((), [(0x9286, UNDEFINED, b"UNICODE\0\xd8\0\xdc")])),
        )
    },
    "many_segments": lambda: jpeg_with(segment(0xE1, b"Exif\0\0II*\0") * 100_000),
    "many_stores": lambda: jpeg_with(segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x08jumb") * 100_000),
    "many_comments": lambda: jpeg_with(*[exif_segment(_BIG_COMMENT[:65_000])] * 300),
    "fill_bytes": lambda: jpeg_with(b"\xff" * 10 * MIB),
    "length_0": lambda: jpeg_with(b"\xff\xe1\0\0"),
    "length_1": lambda: jpeg_with(b"\xff\xe1\0\1"),
    "length_over": lambda: jpeg_with()[:20] + b"\xff\xe1\xff\xffExif\0\0",
    "store_turned": lambda: forged_store(lambda parts: parts[::-1]),
    "store_doubled": lambda: forged_store(lambda parts: parts + parts),
    "store_gap": lambda: forged_store(lambda parts: parts[:1] + parts[2:]),
    "store_false_length": lambda: forged_store(false_length),
    "store_numbers": lambda: forged_store(
        lambda parts: [part[:8] + b"\xff\xff\xff\xff" + part[12:] for part in parts]
    ),
    "store_short": lambda: jpeg_with(segment(0xEB, b"JP\0\1\0\0"), segment(0xEB, b"JP")),
    "store_deep": lambda: jpeg_with(*store_segments(deep_store(), 60_000)),
    "extension_false_total": lambda: jpeg_with(
        *[
            part[:69] + b"\xff\xff\xff\xff" + part[73:]
            for part in extended_segments(source_packet().encode(), "A" * 32)
        ]
    ),
    "extension_far": lambda: jpeg_with(
        *[
            part[:73] + b"\xff\xff\xff\xf0" + part[77:]
            for part in extended_segments(source_packet().encode(), "A" * 32)
        ]
    ),
    "extension_ids": lambda: jpeg_with(
        *[extended_segments(b"<a/>", f"{number:032X}")[0] for number in range(20_000)]
    ),
    "extension_50_mib": lambda: jpeg_with(*extended_segments(wide(50 * MIB), "A" * 32, 65_400)),
    "tail_50_mib": lambda: jpeg_with(tail=b"\xff\xd8" * 25 * MIB),
    "start_only": lambda: b"\xff\xd8",
    "starts": lambda: b"\xff\xd8" * 500_000,
}
_WEBP: dict[str, Make] = {
    "many_chunks": lambda: webp_with(*[(b"JUNK", b"")] * 100_000, flags=0),
    "many_packets": lambda: webp_with(*[(b"XMP ", b"<a/>")] * 100_000, flags=4),
    "riff_short": partial(webp_sized, 4, 10),
    "riff_0": partial(webp_sized, 0, 10),
    "riff_long": partial(webp_sized, MOST, 10),
    "chunk_long": partial(webp_sized, 6000, MOST),
    "chunk_odd": partial(webp_sized, 6000, 0x7FFFFFFF),
    "store_noise": lambda: webp_with((b"C2PA", b"\xff" * 999), flags=0),
    "header_only": lambda: b"RIFF\x04\0\0\0WEBP",
    "nested": lambda: webp_with((b"LIST", b"WEBP" + riff_chunk(b"LIST", b"a" * 99)), flags=0),
}
_AVIF: dict[str, Make] = {
    "size_0": partial(bmff_sized, b"free", 0),
    "size_1": partial(bmff_sized, b"free", 1, 0),
    "size_7": partial(bmff_sized, b"free", 7),
    "size_negative": partial(bmff_sized, b"free", 1, (1 << 64) - 16),
    "size_huge": partial(bmff_sized, b"uuid", 1, 1 << 62),
    "size_most": partial(bmff_sized, b"uuid", MOST),
    "overlapping": overlapping,
    "nested_meta": lambda: encoded("AVIF") + nested(b"meta", 1000),
    "nested_moov": lambda: encoded("AVIF") + nested(b"moov", 1000),
    "nested_in_meta": lambda: bmff_meta(
        lambda kind, part: box(kind, part) + (nested(b"meta", 1000) if kind == b"hdlr" else b"")
    ),
    "many_boxes": lambda: encoded("AVIF") + box(b"free", b"") * 100_000,
    "many_uuids": lambda: (
        encoded("AVIF") + box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481")) * 100_000
    ),
    "places_far": lambda: replaced(b"iloc", places(3, 1, MOST - 1, MOST)),
    "places_whole": lambda: replaced(b"iloc", places(3, 5000, 0, 4000)),
    "places_idat": lambda: replaced(b"iloc", places(3, 1, 0, MOST, 1)),
    "places_item": lambda: replaced(b"iloc", places(3, 1, 0, 0, 2)),
    "places_many": lambda: replaced(b"iloc", places(60_000, 1, 0, 4000)),
    "places_count": lambda: replaced(b"iloc", box(b"iloc", b"\2\0\0\0\x44\0\xff\xff\xff\xff")),
    "places_sizes": lambda: replaced(b"iloc", box(b"iloc", b"\1\0\0\0\xff\xff\xff\xff")),
    "entries_count": lambda: replaced(b"iinf", box(b"iinf", b"\1\0\0\0\xff\xff\xff\xff")),
    "names_open": lambda: replaced(
        b"iinf", box(b"iinf", bytes(4) + b"\0\1" + box(b"infe", b"\2\0\0\0\0\2\0\0mimeapp"))
    ),
    "brand_only": lambda: encoded("AVIF")[:32],
}


def _tables() -> dict[str, Make]:
    made: dict[str, Make] = {}
    for kind, table in (("png", _PNG), ("jpeg", _JPEG), ("webp", _WEBP), ("avif", _AVIF)):
        made.update({f"{kind}_{name}": make for name, make in table.items()})
    for name, text in {**_XMP, **_BIG_XMP}.items():
        made[f"xmp_{name}_png"] = partial(lambda t: in_png(t()), text)
    for name, text in _XMP.items():
        if name not in {"deep", "many_attributes"}:
            made[f"xmp_{name}_jpeg"] = partial(lambda t: jpeg_with(xmp_segment(t())), text)
    made["xmp_deep_webp"] = lambda: webp_with((b"XMP ", deep()), flags=4)
    made["xmp_laughs_gif"] = lambda: gif_with(laughs())
    made["xmp_wide_gif"] = lambda: gif_with(wide(10 * MIB))
    made["gif_blocks"] = gif_blocks
    for name, case in CASES.items():
        for part in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
            made[f"cut_{name}_{part:.0%}"] = partial(_cut, case.make, part)
    return made


HOSTILE: dict[str, Make] = _tables()
