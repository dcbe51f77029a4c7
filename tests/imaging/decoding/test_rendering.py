"""What a viewer shows is what is hashed: pixel modes, orientation, transparency and borders."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms

from hashmatch.hashes import View
from hashmatch.synthetic import draw_picture
from tests.oracle import distance_bits
from tests.pictures import encoded, read


def _views(data: bytes) -> dict[View, bytes]:
    """Return the PDQ values of a file's only frame by view."""
    reading = read(data, "pdq")
    assert reading.failure is None
    return {one.view: one.value for one in reading.hashes}


def _pdq(data: bytes) -> bytes:
    """Return the PDQ value of a file of which there is one view only."""
    views = _views(data)
    assert list(views) == [View.FULL]
    return views[View.FULL]


def _seen(picture: Image.Image) -> bytes:
    """Return the PDQ value of a picture as it is."""
    return _pdq(encoded(picture, "BMP"))


DRAWING = draw_picture(1)
ORIGINAL = _seen(DRAWING)
GREY = np.asarray(DRAWING.convert("L"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_pixel_mode_hashes_as_it_looks(mode: str) -> None:
    image_format = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    if mode == "PA":
        picture = DRAWING.convert("P").convert("PA")
        image_format = "WEBP"
    else:
        picture = DRAWING.convert(mode)
    assert distance_bits(_pdq(encoded(picture, image_format)), ORIGINAL) <= 6


def test_lab_colours_are_turned_into_those_that_are_shown() -> None:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    to_lab = ImageCms.buildTransform(rgb, lab, "RGB", "LAB")
    picture = ImageCms.applyTransform(DRAWING, to_lab)
    assert picture is not None
    assert distance_bits(_pdq(encoded(picture, "TIFF")), ORIGINAL) <= 2


def test_sixteen_bit_grey_hashes_like_eight_bit_grey() -> None:
    sixteen = Image.fromarray(GREY.astype(np.uint16) * 256)
    assert sixteen.mode == "I;16"
    for image_format in ("PNG", "TIFF", "JPEG2000"):
        assert _pdq(encoded(sixteen, image_format)) == _seen(Image.fromarray(GREY))


@pytest.mark.parametrize(("mode", "scale"), [("I", 60_000), ("F", 0.003), ("F", 1000.0)])
def test_numbers_without_a_range_hash_the_same_at_any_scale(mode: str, scale: float) -> None:
    numbers = GREY.astype(np.float64) * scale + (0 if scale < 1 else -5 * scale)
    picture = Image.fromarray(numbers.astype(np.int32 if mode == "I" else np.float32))
    assert picture.mode == mode
    reading = read(encoded(picture, "TIFF"), "pdq")
    assert distance_bits(reading.hashes[0].value, _seen(Image.fromarray(GREY))) <= 2
    # From 0 to 1 everybody agrees; of other numbers each viewer shows another part.
    assert (reading.failure is None) == (numbers.max() <= 1)


def test_numbers_that_are_none_do_not_hide_a_picture() -> None:
    numbers = GREY.astype(np.float32) / 255
    numbers[:10, :10], numbers[:10, 20:30] = np.nan, np.inf
    reading = read(encoded(Image.fromarray(numbers), "TIFF"), "pdq")
    assert distance_bits(reading.hashes[0].value, _seen(Image.fromarray(GREY))) <= 8
    assert reading.failure is not None


def _deep_tiff(order: str, photometric: int, compression: int, *, predicted: bool = False) -> bytes:
    """Return drawing 1 as a grey TIFF of 16-bit numbers, in either byte order."""
    numbers = GREY.astype(np.uint16) * 251
    if photometric == 0:
        numbers = 65535 - numbers
    if predicted:
        numbers = np.diff(numbers, axis=1, prepend=np.uint16(0))
    pixels = numbers.astype(f"{order}u2").tobytes()
    strip = zlib.compress(pixels) if compression == 8 else pixels
    tags = [(256, 3, 640), (257, 3, 480), (258, 3, 16), (259, 3, compression)]
    tags += [(262, 3, photometric), (273, 4, 8 + 2 + 10 * 12 + 4), (277, 3, 1), (278, 3, 480)]
    tags += [(279, 4, len(strip)), (317, 3, 2 if predicted else 1)]
    rows = [
        struct.pack(f"{order}HHI", tag, kind, 1)
        + struct.pack(f"{order}I" if kind == 4 else f"{order}HH", *(value, 0)[: 1 + (kind == 3)])
        for tag, kind, value in tags
    ]
    head = b"II*\x00" if order == "<" else b"MM\x00*"
    directory = struct.pack(f"{order}H", len(tags)) + b"".join(rows) + bytes(4)
    return head + struct.pack(f"{order}I", 8) + directory + strip


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("compression", "predicted"), [(1, False), (8, False), (8, True)])
def test_deep_tiffs_are_read_in_either_byte_order(
    order: str, compression: int, predicted: bool
) -> None:
    data = _deep_tiff(order, 1, compression, predicted=predicted)
    assert distance_bits(_pdq(data), _seen(Image.fromarray(GREY))) <= 2


@pytest.mark.parametrize("compression", [1, 8])
def test_deep_tiffs_that_store_white_as_zero_are_not_read_as_negatives(compression: int) -> None:
    data = _deep_tiff("<", 0, compression)
    assert distance_bits(_pdq(data), _seen(Image.fromarray(GREY))) <= 2


def test_deep_netpbm_files_are_scaled_down() -> None:
    for most in (4095, 65535):
        numbers = (GREY.astype(np.uint32) * most // 255).astype(">u2")
        data = b"P5 640 480 %d\n" % most + numbers.tobytes()
        assert distance_bits(_pdq(data), _seen(Image.fromarray(GREY))) <= 2


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
@pytest.mark.parametrize("most", [100, 255, 4095])
def test_pam_files_are_read(mode: str, channels: int, most: int) -> None:
    pixels = np.asarray(DRAWING.convert(mode)).astype(np.uint32) * most // 255
    header = f"P7\n# a comment\nWIDTH 640\nHEIGHT 480\nDEPTH {channels}\nMAXVAL {most}\nENDHDR\n"
    data = header.encode() + pixels.astype(">u2" if most > 255 else np.uint8).tobytes()
    assert distance_bits(_pdq(data), ORIGINAL) <= 6
    assert read(data[:-1]).failure is not None
    assert read(data + data).failure is not None
    assert read(data.replace(b"HEIGHT 480", b"HEIGHT -48")).failure is not None


def test_inks_are_read_both_ways_where_the_file_does_not_say_which() -> None:
    picture = DRAWING.convert("CMYK")
    marked = encoded(picture, "JPEG", quality=95)
    at = marked.index(b"\xff\xee")
    assert marked[at + 4 : at + 9] == b"Adobe"
    unmarked = marked[:at] + marked[at + 2 + int.from_bytes(marked[at + 2 : at + 4], "big") :]
    assert distance_bits(_pdq(marked), ORIGINAL) <= 6
    views = _views(unmarked)
    assert list(views) == [View.FULL, View.INVERTED]
    assert distance_bits(views[View.FULL], ORIGINAL) <= 6
    negative = ImageChops.invert(picture).convert("RGB")
    assert distance_bits(views[View.INVERTED], _seen(negative)) <= 6


TURNS = [
    (2, Image.Transpose.FLIP_LEFT_RIGHT),
    (3, Image.Transpose.ROTATE_180),
    (4, Image.Transpose.FLIP_TOP_BOTTOM),
    (5, Image.Transpose.TRANSPOSE),
    (6, Image.Transpose.ROTATE_90),
    (7, Image.Transpose.TRANSVERSE),
    (8, Image.Transpose.ROTATE_270),
]


def _oriented(picture: Image.Image, orientation: int, image_format: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, image_format, exif=exif)


@pytest.mark.parametrize(("orientation", "undo"), TURNS)
def test_the_orientation_in_the_metadata_is_applied(
    orientation: int, undo: Image.Transpose
) -> None:
    turned = DRAWING.transpose(undo)
    views = _views(_oriented(turned, orientation, "PNG"))
    assert views == {View.FULL: ORIGINAL, View.AS_STORED: _seen(turned)}


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF", "AVIF", "WEBP"])
@pytest.mark.parametrize(("orientation", "undo"), TURNS)
def test_a_turned_picture_is_hashed_as_it_is_stored_too(
    image_format: str, orientation: int, undo: Image.Transpose
) -> None:
    turned = DRAWING.transpose(undo)
    views = _views(_oriented(turned, orientation, image_format))
    assert list(views) == [View.FULL, View.AS_STORED]
    assert distance_bits(views[View.FULL], ORIGINAL) <= 16
    assert distance_bits(views[View.AS_STORED], _seen(turned)) <= 16


@pytest.mark.parametrize(("orientation", "undo"), TURNS)
def test_a_heic_that_is_turned_by_its_exif_alone_is_hashed_both_ways(
    orientation: int, undo: Image.Transpose
) -> None:
    """Its decoder turns by the properties of the picture; some viewers heed EXIF all the same."""
    turned = DRAWING.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(turned, "HEIF", exif=exif.tobytes())
    without = data.replace(b"irot", b"free").replace(b"imir", b"free")
    views = _views(without)
    assert list(views) == [View.FULL, View.AS_STORED]
    assert distance_bits(views[View.FULL], _seen(turned)) <= 16
    assert distance_bits(views[View.AS_STORED], ORIGINAL) <= 16


def test_an_orientation_that_no_browser_heeds_does_not_turn_the_picture() -> None:
    xmp = b'<x:xmpmeta xmlns:tiff="t"><d tiff:Orientation="6"/></x:xmpmeta>'
    for image_format in ("JPEG", "WEBP"):
        data = encoded(DRAWING, image_format, xmp=xmp)
        assert b'tiff:Orientation="6"' in data
        assert distance_bits(_pdq(data), ORIGINAL) <= 8


def _with_hole() -> Image.Image:
    picture = DRAWING.convert("RGBA")
    hole = Image.new("L", picture.size, 255)
    hole.paste(0, (100, 100, 400, 400))
    picture.putalpha(hole)
    return picture


def _filled(colour: str) -> Image.Image:
    picture = DRAWING.copy()
    picture.paste(colour, (100, 100, 400, 400))
    return picture


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "TGA", "JPEG2000", "AVIF"])
def test_transparency_shows_white_and_black(image_format: str) -> None:
    options = {"lossless": True} if image_format == "WEBP" else {}
    views = _views(encoded(_with_hole(), image_format, **options))
    is_ignored = image_format in ("TIFF", "TGA")
    over = [View.FULL, View.ON_BLACK, View.ON_GREY]
    assert list(views) == [*over, *([View.OPAQUE] if is_ignored else [])]
    if is_ignored:
        assert views[View.OPAQUE] == ORIGINAL
    assert distance_bits(views[View.FULL], _seen(_filled("white"))) <= 8
    assert distance_bits(views[View.ON_BLACK], _seen(_filled("black"))) <= 8


def test_a_palette_may_be_transparent_too() -> None:
    picture = _filled("magenta").quantize(64)
    data = encoded(picture, "PNG", transparency=picture.getpixel((200, 200)))
    assert list(_views(data)) == [View.FULL, View.ON_BLACK, View.ON_GREY]


def test_a_picture_that_is_transparent_nowhere_has_one_view() -> None:
    assert _pdq(encoded(DRAWING.convert("RGBA"), "PNG")) == ORIGINAL


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TGA"])
def test_a_picture_that_is_transparent_all_over_is_hashed_by_its_colours(image_format: str) -> None:
    """Many viewers take no notice of an alpha channel of zeros in a bitmap."""
    picture = DRAWING.convert("RGBA")
    picture.putalpha(0)
    data = encoded(picture, image_format)
    assert distance_bits(_pdq(data), ORIGINAL) <= 6


@pytest.mark.parametrize(
    ("size", "at"),
    [((640, 720), (0, 120)), ((900, 480), (130, 0)), ((800, 700), (30, 190)), ((640, 560), (0, 0))],
    ids=["letterbox", "pillarbox", "all around", "at one side"],
)
@pytest.mark.parametrize("colour", ["black", "white", (200, 30, 90)])
@pytest.mark.parametrize("quality", [95, 50])
def test_the_picture_within_borders_is_hashed_as_well(
    size: tuple[int, int], at: tuple[int, int], colour: str | tuple[int, int, int], quality: int
) -> None:
    framed = Image.new("RGB", size, colour)
    framed.paste(DRAWING, at)
    views = _views(encoded(framed, "JPEG", quality=quality))
    assert list(views) == [View.FULL, View.INNER]
    assert distance_bits(views[View.INNER], ORIGINAL) <= 31
    assert distance_bits(views[View.FULL], ORIGINAL) > 31


@pytest.mark.parametrize("seed", range(1, 13))
def test_a_picture_without_borders_has_one_view(seed: int) -> None:
    _pdq(encoded(draw_picture(seed), "JPEG"))


def test_nothing_but_border_has_one_view() -> None:
    _pdq(encoded(Image.new("RGB", (300, 200), "navy"), "PNG"))
    speck = Image.new("RGB", (300, 200), "navy")
    speck.paste("white", (150, 100, 155, 105))
    _pdq(encoded(speck, "PNG"))


def test_borders_are_found_over_black_too() -> None:
    picture = Image.new("RGBA", (640, 720), (0, 0, 0, 0))
    picture.paste(_with_hole(), (0, 120))
    views = _views(encoded(picture, "PNG"))
    assert {View.FULL, View.INNER, View.ON_BLACK, View.ON_BLACK_INNER} <= views.keys()
    assert views[View.INNER] == _seen(_filled("white"))
    assert views[View.ON_BLACK_INNER] == _seen(_filled("black"))


def test_an_icons_other_sizes_are_hashed_beside_the_largest() -> None:
    sizes = [(256, 256), (128, 128)]
    data = encoded(DRAWING, "ICO", sizes=sizes, append_images=[
        draw_picture(2).resize((128, 128)).convert("RGBA")
    ])  # fmt: skip
    reading = read(data, "pdq")
    assert reading.failure is None
    assert [(one.frame, one.view) for one in reading.hashes] == [(0, View.FULL), (1, View.EMBEDDED)]
    assert distance_bits(reading.hashes[1].value, _seen(draw_picture(2))) <= 31


def test_the_second_picture_in_a_photographs_file_is_hashed_beside_it() -> None:
    pair = encoded(DRAWING, "MPO", save_all=True, append_images=[draw_picture(2)])
    reading = read(pair, "pdq")
    assert [(one.frame, one.view) for one in reading.hashes] == [(0, View.FULL), (1, View.EMBEDDED)]


def test_every_view_is_looked_at_within_its_borders() -> None:
    framed = Image.new("RGB", (640, 720), "black")
    framed.paste(DRAWING, (0, 120))
    turned = framed.transpose(Image.Transpose.ROTATE_90)
    views = _views(_oriented(turned, 6, "PNG"))
    assert list(views) == [View.FULL, View.INNER, View.AS_STORED, View.AS_STORED_INNER]
    assert views[View.INNER] == ORIGINAL
    stored = DRAWING.transpose(Image.Transpose.ROTATE_90)
    assert views[View.AS_STORED_INNER] == _seen(stored)


def test_the_other_reading_of_inks_is_turned_too() -> None:
    turned = DRAWING.transpose(Image.Transpose.ROTATE_90).convert("CMYK")
    marked = _oriented(turned, 6, "JPEG")
    at = marked.index(b"\xff\xee")
    unmarked = marked[:at] + marked[at + 2 + int.from_bytes(marked[at + 2 : at + 4], "big") :]
    negative = ImageChops.invert(DRAWING.convert("CMYK")).convert("RGB")
    assert distance_bits(_views(unmarked)[View.INVERTED], _seen(negative)) <= 8


def test_the_pictures_of_a_heif_file_other_than_the_primary_are_beside_it() -> None:
    pictures = [draw_picture(seed, 160, 120) for seed in range(6)]
    data = encoded(pictures[0], "HEIF", append_images=pictures[1:], primary_index=3)
    reading = read(data, "pdq")
    assert reading.failure is None
    shown = [one for one in reading.hashes if one.view is View.FULL]
    assert [one.frame for one in shown] == [3]
    assert distance_bits(shown[0].value, _seen(pictures[3])) <= 8
