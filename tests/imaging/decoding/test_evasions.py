"""Files that show one picture to a viewer and another to a decoder: neither may be overlooked."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from hashmatch.hashes import View
from hashmatch.imaging import Reading
from hashmatch.imaging.decoding.containers import outline
from hashmatch.outcome import Reason
from hashmatch.synthetic import draw_picture
from tests.imaging.bombs import chunk
from tests.oracle import distance_bits
from tests.pictures import GENEROUS, drawn, encoded, read

LISTED, HARMLESS = draw_picture(1, 320, 240), draw_picture(2, 320, 240)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _shows(reading: Reading, picture: Image.Image) -> bool:
    """Say whether any of the hashes is that of the picture."""
    (wanted,) = read(encoded(picture, "BMP"), "pdq").hashes
    return any(distance_bits(one.value, wanted.value) <= 31 for one in reading.hashes)


def _require_doubt(data: bytes) -> None:
    """Fail for a file that could come out clear."""
    failure = read(data, "pdq").failure
    assert failure is not None
    assert failure.reason is Reason.UNSUPPORTED


@pytest.mark.filterwarnings("ignore:Metadata Warning")
@pytest.mark.parametrize(("kind", "count"), [(3, 1), (4, 1), (9, 1), (3, 2)])
def test_an_orientation_in_any_spelling_hides_nothing(kind: int, count: int) -> None:
    """Browsers heed it as one short number only; Pillow is not so particular."""
    value = struct.pack("<HH", 6, 6) if kind == 3 else struct.pack("<I", 6)
    fields = struct.pack("<HHHI", 1, 0x0112, kind, count) + value + bytes(4)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + fields
    data = encoded(LISTED, "JPEG", exif=exif)
    assert _shows(read(data, "pdq"), LISTED)


def _boxed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _animated_avif() -> bytes:
    return encoded(HARMLESS, "AVIF", save_all=True, append_images=[LISTED, LISTED])


def test_the_film_of_an_avif_is_seen_whatever_its_brand() -> None:
    data = _animated_avif()
    assert data[8:12] == b"avis"
    for brand in (b"avis", b"avif"):
        reading = read(data[:8] + brand + data[12:], "pdq")
        assert reading.failure is None
        assert reading.media is not None
        assert reading.media.frames == 4  # Three of the film, and the picture.
        assert _shows(reading, LISTED)
        assert _shows(reading, HARMLESS)


def test_the_picture_of_an_avif_is_seen_beside_its_film() -> None:
    still = encoded(LISTED, "AVIF")
    film = encoded(HARMLESS, "AVIF", save_all=True, append_images=[draw_picture(3, 320, 240)])
    at = still.index(b"iloc") + 18
    start, size = struct.unpack_from(">II", still, at)
    pixels = still[start : start + size]
    patched = bytearray(film + _boxed(b"mdat", pixels))
    struct.pack_into(">II", patched, film.index(b"iloc") + 18, len(film) + 8, len(pixels))
    reading = read(bytes(patched), "pdq")
    assert _shows(reading, HARMLESS)
    assert _shows(reading, LISTED)


def test_an_avif_that_is_cropped_for_show_is_in_doubt() -> None:
    data = drawn(1, "AVIF")
    assert outline(data, "AVIF", GENEROUS).ambiguity == ""
    assert outline(data.replace(b"pixi", b"clap"), "AVIF", GENEROUS).ambiguity


def _png_parts(picture: Image.Image) -> tuple[bytes, bytes]:
    """Return the header chunk of a PNG and its compressed pixels."""
    pixels = np.asarray(picture)
    rows = np.concatenate([np.zeros((len(pixels), 1), np.uint8), pixels.reshape(240, -1)], axis=1)
    header = struct.pack(">IIBBBBB", 320, 240, 8, 2, 0, 0, 0)
    return chunk(b"IHDR", header), zlib.compress(rows.tobytes())


def _frame_control(number: int) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 320, 240, 0, 0, 1, 10, 0, 0))


def _apng(*, before: bytes, after: bytes = b"") -> bytes:
    """Return an APNG of the harmless picture and then the listed one, with other announcements."""
    header, first = _png_parts(HARMLESS)
    _, second = _png_parts(LISTED)
    parts = [header, before, _frame_control(0), chunk(b"IDAT", first), after, _frame_control(1)]
    parts += [chunk(b"fdAT", struct.pack(">I", 2) + second), chunk(b"IEND", b"")]
    return _SIGNATURE + b"".join(parts)


def _announcing(frames: int) -> bytes:
    return chunk(b"acTL", struct.pack(">II", frames, 0))


def test_an_apng_that_announces_its_frames_is_seen() -> None:
    reading = read(_apng(before=_announcing(2)), "pdq")
    assert reading.failure is None
    assert _shows(reading, LISTED)
    assert _shows(reading, HARMLESS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_announcing(2) * 2, b""),
        (_announcing(1), b""),
        (_announcing(0), b""),
        (_announcing(3), b""),
        (b"", _announcing(2)),
        (b"", b""),
    ],
    ids=["twice", "one", "none", "three", "late", "not at all"],
)
def test_an_apng_that_announces_other_frames_is_never_clear(before: bytes, after: bytes) -> None:
    assert read(_apng(before=before, after=after), "pdq").failure is not None


# Chromaticities that are no colours do not put the gamma beside them out of force.
@pytest.mark.parametrize("chromaticities", [b"", chunk(b"cHRM", bytes(32))])
@pytest.mark.parametrize("gamma", [5_000, 20_000, 30_000, 100_000, 110_000])
def test_a_png_is_seen_with_its_gamma_and_without(gamma: int, chromaticities: bytes) -> None:
    data = drawn(1, "PNG")
    more = chunk(b"gAMA", struct.pack(">I", gamma)) + chromaticities
    shown = read(data[:33] + more + data[33:], "pdq")
    assert [one.view for one in shown.hashes] == [View.FULL, View.MANAGED]
    levels = np.asarray(draw_picture(1)) / 255
    linear = levels ** (100_000 / gamma)
    encoded_again = np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    picture = Image.fromarray((encoded_again * 255).round().astype(np.uint8))
    (wanted,) = read(encoded(picture, "PNG"), "pdq").hashes
    assert distance_bits(shown.hashes[1].value, wanted.value) <= 4


def test_the_usual_gamma_changes_nothing_where_the_file_says_srgb() -> None:
    data = drawn(1, "PNG")
    extra = chunk(b"sRGB", b"\0") + chunk(b"gAMA", struct.pack(">I", 45_455))
    assert len(read(data[:33] + extra + data[33:], "pdq").hashes) == 1


def test_a_png_whose_picture_is_interrupted_is_in_doubt() -> None:
    header, pixels = _png_parts(LISTED)
    half, text = len(pixels) // 2, chunk(b"tEXt", b"k\0text")
    parts = [header, chunk(b"IDAT", pixels[:half]), chunk(b"IDAT", pixels[half:])]
    end = chunk(b"IEND", b"")
    assert read(_SIGNATURE + b"".join(parts) + end, "pdq").failure is None
    _require_doubt(_SIGNATURE + b"".join([*parts[:2], text, parts[2]]) + end)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_second_picture_in_a_netpbm_file_is_in_doubt(mode: str) -> None:
    first, second = (encoded(one.convert(mode), "PPM") for one in (HARMLESS, LISTED))
    assert read(first + b"\n", "pdq").failure is None
    _require_doubt(first + second)
    _require_doubt(first + b"\n" + second)


def test_a_second_picture_in_a_netpbm_file_of_words_is_in_doubt() -> None:
    numbers = " ".join(str(one) for one in np.asarray(LISTED.convert("L")).ravel())
    data = f"P2\n# a comment\n320 240\n255\n{numbers}\n".encode()
    assert read(data, "pdq").failure is None
    _require_doubt(data + data)


def test_outliers_do_not_hide_a_picture_of_numbers() -> None:
    y, x = np.mgrid[:240, :320]
    listed, harmless = (np.asarray(one.convert("L")) / 255 for one in (LISTED, HARMLESS))
    mixed = np.where((x + y) % 2, 1 + 1000 * harmless, listed).astype(np.float32)
    _require_doubt(encoded(Image.fromarray(mixed), "TIFF"))


def test_a_tiff_that_names_too_few_strips_is_truncated() -> None:
    data = bytearray(encoded(LISTED, "TIFF", tiffinfo={278: 24}))
    (at,) = struct.unpack_from("<I", data, 4)
    for field in range(at + 2, at + 2 + 12 * data[at], 12):
        tag, _, count = struct.unpack_from("<HHI", data, field)
        if tag in (273, 279):
            assert count == 10
            struct.pack_into("<I", data, field + 4, 3)
    failure = read(bytes(data), "pdq").failure
    assert failure is not None
    assert failure.reason is Reason.TRUNCATED


def test_a_picture_beside_another_is_looked_for_within_borders() -> None:
    framed = Image.new("RGB", (320, 400), "black")
    framed.paste(LISTED, (0, 80))
    pair = encoded(HARMLESS, "MPO", save_all=True, append_images=[framed])
    reading = read(pair, "pdq")
    views = [one.view for one in reading.hashes]
    assert views == [View.FULL, View.EMBEDDED, View.EMBEDDED_INNER]
    assert _shows(reading, LISTED)


def test_a_photograph_that_lost_its_second_picture_is_whole() -> None:
    """Services that make photographs smaller drop what is behind the first picture."""
    pair = encoded(LISTED, "MPO", save_all=True, append_images=[HARMLESS])
    alone = pair[: pair.index(b"\xff\xd9\xff\xd8") + 2]
    reading = read(alone, "pdq")
    assert reading.failure is None
    assert _shows(reading, LISTED)


def test_a_gif_without_an_end_mark_is_whole_where_its_frames_are() -> None:
    data = encoded(HARMLESS, "GIF")
    assert data.endswith(b"\0;")
    assert read(data[:-1], "pdq").failure is None
    assert read(data[:-2], "pdq").failure is not None


def test_what_phones_put_behind_a_photograph_does_not_matter() -> None:
    photograph = drawn(1, "HEIF")
    film = (
        _boxed(b"ftyp", b"mp42\0\0\0\0") + _boxed(b"moov", bytes(400)) + _boxed(b"mdat", bytes(99))
    )
    for behind in (_boxed(b"mpvd", film + bytes(12_000_000)), film, b"SEFH" + bytes(40)):
        reading = read(photograph + behind, "pdq")
        assert reading.failure is None
        assert reading.hashes


def _profile(*, gamma: float, negative: bool = False) -> bytes:
    """Return a grey profile whose curve is a power, or the same turned upside down."""
    levels = (np.arange(256) / 255) ** gamma
    curve = ((1 - levels if negative else levels) * 65535).round().astype(">u2")
    tags = {
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">iii", 63190, 65536, 54061),
        b"kTRC": b"curv" + bytes(4) + struct.pack(">I", 256) + curve.tobytes(),
    }
    place, table, bodies = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += name + struct.pack(">II", place + len(bodies), len(body))
        bodies += body
    size = place + len(bodies)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061) + bytes(48)
    assert len(head) == 128
    return head + struct.pack(">I", len(tags)) + table + bodies


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_picture_is_seen_in_the_colours_of_its_profile(image_format: str) -> None:
    grey = LISTED.convert("L")
    negative = Image.fromarray(255 - np.asarray(grey))
    profile = _profile(gamma=2.2, negative=True)
    reading = read(encoded(negative, image_format, icc_profile=profile), "pdq")
    assert View.MANAGED in [one.view for one in reading.hashes]
    # The curve that was turned upside down has a gamma, so that the negative has another contrast.
    assert reading.failure is not None or _shows(reading, negative)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_profiles_that_are_in_use_leave_no_doubt(image_format: str) -> None:
    profiles = [_profile(gamma=gamma) for gamma in (1.0, 1.8, 2.2)]
    profiles.append(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profiles.append(b"no profile at all")
    for profile in profiles:
        reading = read(encoded(LISTED.convert("L"), image_format, icc_profile=profile), "pdq")
        assert reading.failure is None
        assert _shows(reading, LISTED)


def test_an_srgb_profile_costs_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for image_format in ("JPEG", "PNG", "WEBP"):
        reading = read(encoded(LISTED, image_format, icc_profile=srgb), "pdq")
        assert [one.view for one in reading.hashes] == [View.FULL]
