"""Files that say two things about their picture: each viewer believes another of them."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hashmatch.hashes import View
from hashmatch.imaging.decoding import open_decoder
from hashmatch.imaging.decoding.items import read_items
from hashmatch.imaging.decoding.jxl import outline_jxl
from hashmatch.imaging.limits import DecodingError
from hashmatch.outcome import Reason
from hashmatch.synthetic import draw_picture
from tests.conform.gifs import GIF
from tests.conform.pngs import PNG
from tests.conform.profiles import PROFILES
from tests.conform.tiffs import TIFF
from tests.imaging.bombs import chunk
from tests.oracle import distance_bits
from tests.pictures import GENEROUS, drawn, encoded, read

PICTURE, OTHER = draw_picture(1, 160, 120), draw_picture(2, 160, 120)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33  # A PNG file's signature and header.


def _seen(picture: Image.Image) -> bytes:
    return read(encoded(picture, "BMP"), "pdq").hashes[0].value


def _require_doubt(data: bytes, words: str) -> None:
    failure = read(data, "pdq").failure
    assert failure is not None
    assert failure.reason is Reason.UNSUPPORTED
    assert words in failure.detail


def _png(kind: int, depth: int, rows: np.ndarray, *chunks: bytes) -> bytes:
    """Return a PNG file of rows of bytes."""
    channels = 3 if kind == 2 else 1
    width = rows.shape[1] * 8 // (depth * channels)
    header = struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0)
    lines = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], axis=1)
    pixels = zlib.compress(lines.tobytes())
    parts = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return _SIGNATURE + b"".join(parts)


def _packed(levels: np.ndarray, depth: int) -> np.ndarray:
    if depth == 16:
        return levels.astype(">u2").view(np.uint8).reshape(len(levels), -1)
    bits = (levels[..., None] >> np.arange(depth)[::-1]) & 1
    return np.packbits(bits.reshape(len(levels), -1).astype(np.uint8), axis=1)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("key", [0, 1], ids=["black", "white"])
def test_the_transparent_grey_of_a_png_is_compared_in_its_own_depth(depth: int, key: int) -> None:
    largest = 2**depth - 1
    grey = np.asarray(PICTURE.convert("L")).astype(np.uint32) * largest // 255
    transparent = grey == key * largest
    rows = _packed(grey, depth)
    reading = read(_png(0, depth, rows, chunk(b"tRNS", struct.pack(">H", key * largest))), "pdq")
    over_black = np.where(transparent, 0, grey * 255 // largest).astype(np.uint8)
    over_white = np.where(transparent, 255, grey * 255 // largest).astype(np.uint8)
    for wanted in (one for one in (over_black, over_white) if np.ptp(one)):
        nearest = min(
            distance_bits(one.value, _seen(Image.fromarray(wanted))) for one in reading.hashes
        )
        assert nearest <= 2


def test_the_transparent_colour_of_a_deep_png_is_compared_in_sixteen_bits() -> None:
    # Colours that are equal in eight bits: the other picture is written in the lower ones.
    high = np.full((120, 160, 3), 0x40, np.uint16)
    is_dark = np.asarray(OTHER.convert("L")) < 128
    samples = high << 8 | np.where(is_dark, 7, 9)[..., None].astype(np.uint16)
    rows = samples.astype(">u2").view(np.uint8).reshape(120, -1)
    data = _png(2, 16, rows, chunk(b"tRNS", struct.pack(">3H", 0x4007, 0x4007, 0x4007)))
    reading = read(data, "pdq")
    over_white = Image.fromarray(np.where(is_dark, 255, 0x40).astype(np.uint8))
    assert reading.failure is None
    assert min(distance_bits(one.value, _seen(over_white)) for one in reading.hashes) <= 4
    assert View.ON_BLACK in {one.view for one in reading.hashes}


@pytest.mark.parametrize("kind", [b"gAMA", b"cHRM", b"eXIf"])
def test_a_png_that_says_the_same_thing_twice_is_in_doubt(kind: bytes) -> None:
    data = drawn(1, "PNG")
    twice = chunk(kind, bytes(4)) + chunk(kind, bytes(4))
    _require_doubt(data[:_HEADER_END] + twice + data[_HEADER_END:], "more than one")


def test_a_png_with_transparency_behind_its_picture_is_in_doubt() -> None:
    data = drawn(1, "PNG")
    _require_doubt(data[:-12] + chunk(b"tRNS", bytes(6)) + data[-12:], "behind its picture")


def test_damaged_transparency_is_left_out_as_browsers_do_and_is_in_doubt() -> None:
    data = drawn(1, "PNG")
    damaged = chunk(b"tRNS", bytes(6))[:-1] + b"?"
    altered = data[:_HEADER_END] + damaged + data[_HEADER_END:]
    _require_doubt(altered, "damaged tRNS")
    assert read(altered, "pdq").hashes == read(data, "pdq").hashes


def _riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_webp_of_a_picture_and_an_animation_is_in_doubt() -> None:
    still = encoded(PICTURE, "WEBP")
    film = encoded(OTHER, "WEBP", save_all=True, append_images=[PICTURE], duration=100)
    assert read(film, "pdq").failure is None
    _require_doubt(_riff(still[12:], film[12:]), "of a picture and of an animation")
    assert read(_riff(film[12:], still[12:]), "pdq").failure is not None
    # Without its flag, browsers show nothing of an animation, or its first frame alone.
    assert read(film[:20] + bytes([film[20] & ~2]) + film[21:], "pdq").failure is not None


def _icon(depth: int, trailing: bytes) -> bytes:
    """Return an icon whose mask hides the left half, with more bytes behind it."""
    rgb = np.array(PICTURE.convert("RGB"))[..., ::-1]
    rows = rgb[::-1].reshape(120, -1)
    hidden = np.zeros((120, 160), bool)
    hidden[:, :80] = True
    mask = np.packbits(hidden, axis=1)
    header = struct.pack("<IiiHHIIiiII", 40, 160, 240, 1, depth, 0, 0, 0, 0, 0, 0)
    body = header + rows.tobytes() + mask.tobytes() + trailing
    directory = struct.pack("<HHHBBBBHHII", 0, 1, 1, 160, 120, 0, 0, 1, depth, len(body), 22)
    return directory + body


def test_the_mask_of_an_icon_follows_its_pixels_whatever_comes_behind_it() -> None:
    plain = read(_icon(24, b""), "pdq").hashes
    assert {one.view for one in plain} > {View.FULL, View.ON_BLACK}
    assert read(_icon(24, b"\xff" * 5000), "pdq").hashes == plain


class _Bits:
    """Bits that are written, the lowest of each byte first."""

    def __init__(self) -> None:
        self._number, self._count = 0, 0

    def write(self, *fields: tuple[int, int]) -> _Bits:
        for value, count in fields:
            self._number |= value << self._count
            self._count += count
        return self

    def codestream(self) -> bytes:
        return b"\xff\x0a" + self._number.to_bytes(self._count // 8 + 1, "little")


def _jxl_header(*channels: tuple[tuple[int, int], ...]) -> bytes:
    """Return the header of a JPEG XL codestream of 8 x 8 pixels with further channels."""
    bits = _Bits().write((1, 1), (0, 5), (1, 3))  # Small, eight pixels high, square.
    bits.write((0, 1), (0, 1))  # Not all usual; no orientation, preview or animation.
    bits.write((0, 1), (0, 2), (1, 1))  # Eight bits of whole numbers.
    bits.write((len(channels), 2))
    for one in channels:
        bits.write(*one)
    return bits.codestream()


_PLAIN_ALPHA = ((1, 1),)
_NAMED_ALPHA = ((0, 1), (0, 2), (0, 1), (0, 2), (0, 2), (1, 2), (1, 4), (ord("a"), 8), (0, 1))
_MULTIPLIED_ALPHA = ((0, 1), (0, 2), (0, 1), (0, 2), (0, 2), (0, 2), (1, 1))
_DEPTH_CHANNEL = ((0, 1), (1, 2), (0, 1), (0, 2), (0, 2), (0, 2))


def test_a_jpeg_xl_file_may_have_colours_and_alpha_alone() -> None:
    pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    for plain in (_jxl_header(), _jxl_header(_PLAIN_ALPHA), _jxl_header(_NAMED_ALPHA)):
        assert outline_jxl(plain, GENEROUS).ambiguity == ""
    for other in (_jxl_header(_MULTIPLIED_ALPHA), _jxl_header(_DEPTH_CHANNEL),
                  _jxl_header(_PLAIN_ALPHA, _PLAIN_ALPHA)):  # fmt: skip
        assert "channels beside" in outline_jxl(other, GENEROUS).ambiguity


def test_clipped_colours_that_are_transparent_put_a_jpeg_xl_file_in_doubt() -> None:
    pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    inside = PICTURE.point(lambda level: 20 + level * 3 // 4)
    inside.putalpha(100)
    assert read(encoded(inside, "JXL", lossless=True), "pdq").failure is None
    clipped = OTHER.point(lambda level: 255 if level > 100 else level)
    clipped.putalpha(100)
    _require_doubt(encoded(clipped, "JXL", lossless=True), "out of range")


def _jpeg_with_profile(number: int, count: int, profile: bytes) -> bytes:
    body = b"ICC_PROFILE\0" + bytes((number, count)) + profile
    data = encoded(PICTURE, "JPEG", quality=95)
    return data[:2] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body + data[2:]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_profile_is_used_whatever_it_says_of_its_parts(count: int) -> None:
    data = _jpeg_with_profile(1, count, PROFILES["dark"])
    assert [one.view for one in read(data, "pdq").hashes] == [View.FULL, View.MANAGED]


def test_a_profile_is_used_whatever_its_header_says_of_the_device() -> None:
    profile = PROFILES["dark"]
    usual, odd = (
        read(_jpeg_with_profile(1, 1, one), "pdq").hashes
        for one in (profile, profile[:12] + b"mntR" + profile[16:])
    )
    assert odd == usual
    assert len(odd) == 2


def test_a_gif_without_colours_is_in_doubt() -> None:
    data = encoded(PICTURE.convert("L"), "GIF")
    assert read(data, "pdq").failure is None
    table = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    without = data[:10] + bytes([data[10] & 0x7F]) + data[11:13] + data[table:]
    _require_doubt(without, "without a table of colours")


def test_a_bitmap_whose_pixels_begin_in_its_header_is_in_doubt() -> None:
    data = encoded(PICTURE, "BMP")
    for start in (0, 1, 53):
        odd = data[:10] + struct.pack("<I", start) + data[14:]
        _require_doubt(odd, "begin in its header")


def test_premultiplied_colours_look_over_black_as_they_are_stored() -> None:
    picture = PICTURE.copy()
    picture.putalpha(OTHER.convert("L"))
    data = encoded(picture, "AVIF", quality=100, subsampling="4:4:4", alpha_premultiplied=True)
    assert b"prem" in data
    hashes = read(data, "pdq").hashes
    for colour, view in (("white", View.FULL), ("black", View.ON_BLACK)):
        over = Image.new("RGB", picture.size, colour)
        over.paste(picture, mask=picture.getchannel("A"))
        shown = [one.value for one in hashes if one.view is view]
        assert min(distance_bits(one, _seen(over)) for one in shown) <= 6


@pytest.mark.parametrize("kind", [0, 2], ids=["grey", "RGB"])
def test_an_animation_of_sixteen_bits_is_seen_as_it_is_shown(kind: int) -> None:
    usual = {name: values[0] for name, values in PNG.features.items()}
    deep, plain = (
        read(PNG.write({**usual, "kind": kind, "depth": depth, "frames": 3, "seed": 4}), "pdq")
        for depth in (16, 8)
    )
    assert [one.value for one in deep.hashes] == [one.value for one in plain.hashes]


def test_pixels_of_no_colour_in_the_palette_of_a_png_put_it_in_doubt() -> None:
    usual = {name: values[0] for name, values in PNG.features.items()}
    features = {**usual, "kind": 3, "seed": 4}
    assert read(PNG.write(features), "pdq").failure is None
    _require_doubt(PNG.write({**features, "palette": 0.4}), "no colour in its palette")
    _require_doubt(PNG.write({**features, "palette": 0.4, "frames": 2}), "no colour in its palette")


def test_a_palette_that_no_pixel_needs_is_not_skipped() -> None:
    data = encoded(PICTURE, "BMP")
    pixels = data[struct.unpack_from("<I", data, 10)[0] :]
    header = bytearray(data[14:54])
    struct.pack_into("<I", header, 32, 200)
    icon_header = struct.pack("<Iii", 40, 160, 240) + bytes(header[12:])
    entry = icon_header + pixels + bytes(20 * 120)
    directory = struct.pack("<HHHBBBBHHII", 0, 1, 1, 160, 120, 0, 0, 1, 24, len(entry), 22)
    assert read(directory + entry, "pdq").hashes[0].value == _seen(PICTURE)


def test_a_channel_of_no_said_purpose_in_a_tiff_is_alpha_and_is_not() -> None:
    usual = {name: values[0] for name, values in TIFF.features.items()}
    features = {**usual, "alpha": "other picture", "alpha kind": 0, "seed": 1}
    views = {one.view for one in read(TIFF.write(features), "pdq").hashes}
    assert views >= {View.FULL, View.ON_BLACK, View.ON_GREY, View.OPAQUE}


@pytest.mark.parametrize("name", ["second table", "floating", "code points"])
def test_a_profile_is_read_in_every_way_in_which_viewers_do(name: str) -> None:
    data = drawn(1, "PNG")
    profile = chunk(b"iCCP", b"name\0\0" + zlib.compress(PROFILES[name]))
    hashes = read(data[:_HEADER_END] + profile + data[_HEADER_END:], "pdq").hashes
    assert View.MANAGED in {one.view for one in hashes}


@pytest.mark.parametrize("what", ["late", "damaged", "long", "of no intent"])
def test_an_srgb_chunk_that_browsers_ignore_does_not_hide_other_colours(what: str) -> None:
    data = drawn(1, "PNG")
    gamma = chunk(b"gAMA", struct.pack(">I", 180_000))
    srgb = {"long": chunk(b"sRGB", bytes(2)), "of no intent": chunk(b"sRGB", b"\xc8")}.get(
        what, chunk(b"sRGB", b"\0")
    )
    if what == "damaged":
        srgb = srgb[:-1] + bytes([srgb[-1] ^ 1])
    early, late = (b"", srgb) if what == "late" else (srgb, b"")
    altered = data[:_HEADER_END] + early + gamma + data[_HEADER_END:-12] + late + data[-12:]
    assert View.MANAGED in {one.view for one in read(altered, "pdq").hashes}


def _icon_of_png(png: bytes) -> bytes:
    directory = struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(png), 22)
    return directory + png


def test_a_picture_of_an_icon_is_shown_in_its_own_colours_and_is_doubted_by_itself() -> None:
    png = drawn(1, "PNG")
    profile = chunk(b"iCCP", b"name\0\0" + zlib.compress(PROFILES["negative"]))
    coloured = png[:_HEADER_END] + profile + png[_HEADER_END:]
    wanted, found = (
        [one.value for one in read(data, "pdq").hashes]
        for data in (coloured, _icon_of_png(coloured))
    )
    assert found == wanted
    assert len(found) > 1
    twice = chunk(b"gAMA", bytes(4)) * 2
    _require_doubt(_icon_of_png(png[:_HEADER_END] + twice + png[_HEADER_END:]), "more than one")


def test_the_header_of_a_jpeg_xl_file_is_put_together_from_its_parts() -> None:
    pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    bare = _jxl_header(_DEPTH_CHANNEL)

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(body), kind) + body

    start = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"jxlp", bytes(4) + bare[:2])
    rest = box(b"xml ", bytes(20)) + box(b"jxlp", b"\x80\0\0\1" + bare[2:])
    assert "channels beside" in outline_jxl(start + rest, GENEROUS).ambiguity
    with pytest.raises(DecodingError, match="ends early"):
        outline_jxl(start, GENEROUS)


def test_items_that_name_a_great_many_places_are_refused_at_once() -> None:
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(body), kind) + body

    extents = b"".join(struct.pack(">HHH", number, 0, 10_000) for number in range(3000))
    places = box(b"iloc", bytes(6) + struct.pack(">H", 3000) + extents)
    with pytest.raises(DecodingError, match="items"):
        read_items(box(b"meta", bytes(4) + places))


def test_a_frame_that_is_far_larger_than_its_canvas_is_measured_before_it_is_decoded() -> None:
    usual = {name: values[0] for name, values in GIF.features.items()}
    data = bytearray(GIF.write({**usual, "frames": 2, "seed": 1}))
    second = data.rfind(b"\x2c\0\0\0\0" + struct.pack("<HH", 160, 120))
    struct.pack_into("<HH", data, second + 5, 400, 300)
    decoder = open_decoder(bytes(data), replace(GENEROUS, max_pixels=160 * 120))
    assert len(list(decoder.frames())) == 1
    assert decoder.failure is not None
    assert decoder.failure.reason is Reason.TOO_MANY_PIXELS
