"""What the intake makes of files: what a viewer shows is hashed, and nothing else is ever clear."""

from __future__ import annotations

import gzip
import io
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, TiffImagePlugin

from hashmatch.imaging import PoolIntake
from hashmatch.outcome import Media, Reason
from hashmatch.synthetic import draw_picture
from tests.imaging.films import film_of
from tests.imaging.samples import FORMATS
from tests.oracle import distance_bits
from tests.pictures import GENEROUS, drawn, encoded, read


def _pdq(data: bytes) -> bytes:
    reading = read(data, "pdq")
    assert reading.failure is None
    return reading.hashes[0].value


ORIGINAL = _pdq(drawn(1, "PNG"))


@pytest.mark.parametrize("image_format", FORMATS)
def test_every_enabled_format_is_read(image_format: str) -> None:
    reading = read(drawn(1, image_format), "pdq", "md5")
    assert reading.failure is None
    size = (256, 256) if image_format == "ICO" else (640, 480)
    assert reading.media == Media(image_format, *size, 1)
    assert [one.algorithm.name for one in reading.hashes] == ["md5", "pdq"]
    assert distance_bits(reading.hashes[1].value, ORIGINAL) <= 16


def test_a_tiff_with_pictures_inside_its_pictures_is_refused() -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info.tagtype[330] = 4
    info[330] = 8
    reading = read(encoded(draw_picture(1), "TIFF", tiffinfo=info), "pdq")
    assert reading.failure is not None
    assert reading.failure.reason is Reason.UNSUPPORTED


def test_a_program_that_accepts_truncated_images_gets_none_screened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for data in (drawn(1), drawn(1)[:9000]):
        assert read(data, "pdq").failure is not None


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_frame_is_hashed_and_numbered(image_format: str) -> None:
    frames = [draw_picture(seed, 320, 240) for seed in (1, 2, 3)]
    data = encoded(frames[0], image_format, save_all=True, append_images=frames[1:])
    reading = read(data, "pdq")
    assert reading.failure is None
    assert reading.media is not None
    # The picture of an AVIF comes after its film, and equals its first frame here.
    assert reading.media.frames == len(frames) + (image_format == "AVIF")
    assert reading.frames_seen == reading.media.frames
    assert [one.frame for one in reading.hashes] == list(range(len(frames)))
    for one, frame in zip(reading.hashes, frames, strict=True):
        # A GIF has few colours; other pictures of this kind are over 80 bits away.
        assert distance_bits(one.value, _pdq(encoded(frame, "PNG"))) <= 20


FILM_FRAMES = [draw_picture(seed, 320, 240) for seed in range(5)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A HEIF film of five frames."""
    return film_of(FILM_FRAMES, tmp_path_factory.mktemp("film"))


def test_the_frames_of_a_heif_film_are_hashed(film: bytes) -> None:
    reading = read(film, "pdq")
    assert reading.failure is None
    assert reading.media == Media("HEIF", 320, 240, 5)
    assert [one.frame for one in reading.hashes] == [0, 1, 2, 3, 4]
    for one in reading.hashes:
        assert distance_bits(one.value, _pdq(encoded(FILM_FRAMES[one.frame], "BMP"))) <= 8


def test_a_heif_film_of_too_many_frames_is_refused(film: bytes) -> None:
    assert read(film, "pdq", limits=replace(GENEROUS, max_frames=4)).failure is not None


def test_a_heif_film_reads_the_same_in_a_process_of_its_own(film: bytes) -> None:
    with closing(PoolIntake(GENEROUS, workers=1, timeout_s=60, max_memory_bytes=10**9)) as pool:
        assert pool.read(film, {"pdq"}) == read(film, "pdq")


def test_a_film_that_lost_its_end_is_truncated(tmp_path: Path) -> None:
    data = film_of([draw_picture(seed, 160, 120) for seed in range(3)], tmp_path)
    for share in (0.3, 0.6, 0.9):
        failure = read(data[: int(len(data) * share)]).failure
        assert failure is not None
        assert failure.reason is Reason.TRUNCATED


@pytest.mark.parametrize("most", [1, 4, 9])
def test_a_file_with_more_frames_than_are_looked_at_is_not_clear(most: int) -> None:
    frames = [draw_picture(seed, 64, 64) for seed in range(10)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    reading = read(data, "pdq", limits=replace(GENEROUS, max_distinct_frames=most))
    assert [one.frame for one in reading.hashes] == list(range(most))
    assert reading.failure is not None
    assert reading.failure.reason is Reason.TOO_COMPLEX


def test_a_file_whose_frames_take_too_long_is_not_clear() -> None:
    frames = [draw_picture(seed, 64, 64) for seed in range(3)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    reading = read(data, "pdq", limits=replace(GENEROUS, frames_timeout_s=0.0))
    assert [one.frame for one in reading.hashes] == [0]
    assert reading.failure is not None
    assert reading.failure.reason is Reason.TOO_COMPLEX


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_a_frame_that_equals_another_is_hashed_once(image_format: str) -> None:
    one, other = (draw_picture(seed, 160, 120) for seed in (1, 2))
    options = {"lossless": True} if image_format == "WEBP" else {}
    shown = [one, other, one, other, one]
    data = encoded(shown[0], image_format, save_all=True, append_images=shown[1:], **options)
    reading = read(data, "pdq", limits=replace(GENEROUS, max_distinct_frames=3))
    assert reading.failure is None
    assert [one.frame for one in reading.hashes] == [0, 1]


def test_a_picture_that_comes_in_small_steps_is_seen() -> None:
    """Each frame hardly differs from the one before it, and the last has nothing of the first."""
    first, last = (np.asarray(draw_picture(seed, 160, 120)).astype(float) for seed in (1, 2))
    steps = [
        Image.fromarray((first + (last - first) * step / 200).round().astype(np.uint8))
        for step in range(201)
    ]
    data = encoded(steps[0], "PNG", save_all=True, append_images=steps[1:])
    reading = read(data, "pdq")
    assert reading.failure is None
    assert len(reading.hashes) < reading.frames_seen
    wanted = _pdq(encoded(steps[-1], "PNG"))
    assert min(distance_bits(one.value, wanted) for one in reading.hashes) <= 8


def test_a_damaged_late_frame_leaves_the_hashes_of_the_earlier_ones() -> None:
    frames = [draw_picture(seed, 320, 240) for seed in (1, 2, 3)]
    stream = io.BytesIO()
    frames[0].save(stream, "TIFF", save_all=True, append_images=frames[1:])
    data = stream.getvalue()
    reading = read(data[: len(data) - 150_000], "pdq")
    assert reading.failure is not None
    assert reading.hashes


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"hello, this is text\n" * 20, Reason.UNSUPPORTED),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.UNSUPPORTED),
        (gzip.compress(b"<svg xmlns='http://www.w3.org/2000/svg'/>", mtime=0), Reason.UNSUPPORTED),
        (b"%PDF-1.7\n", Reason.UNSUPPORTED),
        (b"PK\x03\x04" + bytes(26) + drawn(1), Reason.UNSUPPORTED),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41" + bytes(500), Reason.UNSUPPORTED),
        (b"\x1aE\xdf\xa3" + bytes(500), Reason.UNSUPPORTED),
        (b"GIF89a" + bytes(30) + b";", Reason.UNDECODABLE),
        (drawn(1)[:5000], Reason.TRUNCATED),
        (drawn(1, "PNG")[:5000], Reason.TRUNCATED),
        (drawn(1, "GIF")[:5000], Reason.TRUNCATED),
        (drawn(1, "TIFF")[:5000], Reason.TRUNCATED),
        (drawn(1, "WEBP")[:5000], Reason.TRUNCATED),
        (drawn(1, "AVIF")[:5000], Reason.TRUNCATED),
        (drawn(1, "HEIF")[:5000], Reason.TRUNCATED),
        (drawn(1, "JPEG2000")[:5000], Reason.TRUNCATED),
        (drawn(1, "PSD")[:5000], Reason.TRUNCATED),
        (drawn(1, "PPM")[:5000], Reason.TRUNCATED),
        (drawn(1, "TGA")[:5000], Reason.TRUNCATED),
    ],
)
def test_what_is_no_whole_picture_has_a_reason(data: bytes, reason: Reason) -> None:
    failure = read(data).failure
    assert failure is not None
    assert failure.reason is reason


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PSD", "TGA", "PPM"])
def test_of_a_file_that_breaks_off_what_is_shown_is_hashed(image_format: str) -> None:
    data = drawn(1, image_format)
    reading = read(data[: len(data) * 98 // 100], "pdq")
    assert reading.failure is not None
    assert reading.failure.reason is Reason.TRUNCATED
    assert distance_bits(reading.hashes[0].value, ORIGINAL) <= 31


def test_of_a_progressive_jpeg_half_is_enough_to_see_it() -> None:
    data = drawn(1, "JPEG", progressive=True)
    reading = read(data[: len(data) // 2], "pdq")
    assert reading.failure is not None
    assert distance_bits(reading.hashes[0].value, ORIGINAL) <= 8


def test_of_a_file_that_breaks_off_early_nothing_plain_is_hashed() -> None:
    """A picture of nothing would match other pictures of nothing."""
    for image_format, header_bytes in (("PNG", 70), ("BMP", 60), ("PPM", 20)):
        data = drawn(1, image_format)
        assert read(data[:header_bytes], "phash").hashes == ()


def test_a_file_that_cannot_be_decoded_still_has_its_exact_hashes() -> None:
    reading = read(b"not a picture", "sha256", "pdq")
    assert [one.algorithm.name for one in reading.hashes] == ["sha256"]


def test_limits_hold() -> None:
    data = drawn(1)
    for limits, reason in (
        (replace(GENEROUS, max_bytes=len(data) - 1), Reason.TOO_LARGE),
        (replace(GENEROUS, max_pixels=640 * 480 - 1), Reason.TOO_MANY_PIXELS),
        (replace(GENEROUS, max_side=639), Reason.TOO_MANY_PIXELS),
        (replace(GENEROUS, formats=("PNG",)), Reason.UNSUPPORTED),
    ):
        failure = read(data, limits=limits).failure
        assert failure is not None
        assert failure.reason is reason
    exact = replace(GENEROUS, max_bytes=len(data), max_pixels=640 * 480)
    assert read(data, limits=exact).failure is None


def test_a_later_frame_has_to_keep_to_the_limits_too() -> None:
    small, large = draw_picture(1, 64, 64), draw_picture(2, 200, 200)
    data = encoded(small, "TIFF", save_all=True, append_images=[large])
    reading = read(data, "pdq", limits=replace(GENEROUS, max_pixels=200 * 200 - 1))
    assert reading.failure is not None
    assert reading.failure.reason is Reason.TOO_MANY_PIXELS
    assert [one.frame for one in reading.hashes] == [0]


@pytest.mark.parametrize("side", [20_000, 10_000, 60_000])
def test_a_picture_of_too_many_pixels_is_refused_by_its_header(side: int) -> None:
    """Under, between and over Pillow's own limits, which warn first and raise later."""
    header = encoded(Image.new("1", (8, 8)), "BMP")
    small = replace(GENEROUS, max_pixels=1_000_000)
    width = side.to_bytes(4, "little")
    failure = read(header[:18] + width + width + header[26:], limits=small).failure
    assert failure is not None
    assert failure.reason is Reason.TOO_MANY_PIXELS


def test_a_failure_never_quotes_the_file() -> None:
    secret = b"very-secret-marker"
    for data in (secret * 50, b"GIF89a" + secret * 50, b"\x89PNG\r\n\x1a\n" + secret * 50):
        failure = read(data).failure
        assert failure is not None
        assert "secret" not in failure.detail
