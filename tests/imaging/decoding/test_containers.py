"""The outline of a file: limits hold before a decoder sees it, and nothing else comes out."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.imaging.decoding.containers import outline
from hashmatch.imaging.decoding.recognition import recognise
from hashmatch.imaging.limits import DecodingError, Limits
from hashmatch.outcome import Reason
from hashmatch.synthetic import draw_picture
from tests.imaging import bombs
from tests.imaging.samples import FORMATS, originals
from tests.pictures import GENEROUS, drawn, encoded


def _refused(data: bytes, limits: Limits) -> Reason | None:
    """Return why the outline of a file is refused, None where it is not."""
    image_format = recognise(data)
    assert image_format is not None
    try:
        outline(data, image_format, limits)
    except DecodingError as error:
        return error.failure.reason
    return None


@pytest.mark.parametrize("image_format", FORMATS)
def test_formats_are_recognised_by_their_content(image_format: str) -> None:
    for data in originals(image_format):
        assert recognise(data) == image_format


@given(st.binary(max_size=64))
def test_what_is_no_image_is_hardly_ever_taken_for_one(data: bytes) -> None:
    assert recognise(b"The quick brown fox " + data) is None


@given(st.sampled_from(FORMATS), st.binary(max_size=200), st.integers(0, 200))
def test_an_outline_of_anything_ends_in_an_outline_or_a_refusal(
    image_format: str, tail: bytes, kept: int
) -> None:
    data = originals(image_format, 8, 8)[0][:kept] + tail
    try:
        found = outline(data, image_format, GENEROUS)
    except DecodingError:
        return
    assert len(found.pixels) <= len(data)


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP", "TIFF", "ICO"])
def test_frames_are_counted_before_they_are_decoded(image_format: str) -> None:
    frames = [draw_picture(seed, 64, 64) for seed in range(5)]
    if image_format == "ICO":
        sizes = [(side, side) for side in (16, 24, 32, 48, 64)]
        data = encoded(frames[0], "ICO", sizes=sizes)
    else:
        data = encoded(frames[0], image_format, save_all=True, append_images=frames[1:])
    assert _refused(data, replace(GENEROUS, max_frames=5)) is None
    assert _refused(data, replace(GENEROUS, max_frames=4)) is Reason.TOO_COMPLEX


METADATA: dict[str, dict[str, Any]] = {
    "JPEG": {"comment": b"x" * 5000},
    "PNG": {"exif": b"Exif\0\0" + b"x" * 5000},
    "GIF": {"comment": b"x" * 5000},
    "WEBP": {"xmp": b"x" * 5000},
    "TIFF": {"description": "x" * 5000},
    "AVIF": {"icc_profile": b"x" * 5000},
}


@pytest.mark.parametrize("image_format", METADATA)
def test_metadata_is_weighed_before_it_is_read(image_format: str) -> None:
    plain, limits = drawn(1, image_format), replace(GENEROUS, max_metadata_bytes=4000)
    assert _refused(plain, limits) is None
    laden = drawn(1, image_format, **METADATA[image_format])
    assert _refused(laden, limits) is Reason.TOO_COMPLEX
    assert _refused(laden, GENEROUS) is None


def test_photoshops_resources_are_metadata() -> None:
    data = drawn(1, "PSD")
    laden = data[:30] + struct.pack(">I", 5000) + bytes(5000) + data[34:]
    assert _refused(laden, replace(GENEROUS, max_metadata_bytes=4000)) is Reason.TOO_COMPLEX
    assert _refused(laden, GENEROUS) is None


@pytest.mark.parametrize("nest", [bombs.tiff_in_a_tiff, bombs.boxes_in_boxes])
def test_parts_within_parts_are_followed_only_so_deep(nest: object) -> None:
    assert callable(nest)
    assert _refused(nest(6), replace(GENEROUS, max_nesting=8)) is None
    assert _refused(nest(9), replace(GENEROUS, max_nesting=8)) is Reason.TOO_COMPLEX


def test_the_canvas_of_an_animation_is_measured_before_it_is_made() -> None:
    frames = [draw_picture(seed, 64, 64) for seed in range(2)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert _refused(data, replace(GENEROUS, max_pixels=64 * 64)) is None
    assert _refused(data, replace(GENEROUS, max_pixels=64 * 64 - 1)) is Reason.TOO_MANY_PIXELS
    assert _refused(data, replace(GENEROUS, max_side=63)) is Reason.TOO_MANY_PIXELS


def test_pictures_in_an_icon_are_measured_before_they_are_decoded() -> None:
    icon = bombs.icon_of_many_pictures(2)
    assert _refused(icon, replace(GENEROUS, max_pixels=640 * 480)) is None
    assert _refused(icon, replace(GENEROUS, max_pixels=640 * 480 - 1)) is Reason.TOO_MANY_PIXELS


def test_metadata_that_no_picture_needs_is_left_out() -> None:
    text = bombs.chunk(b"tEXt", b"key\0" + b"value" * 100)
    profile = bombs.chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(2_000_000)))
    data = bombs.png_with(text + profile)
    assert outline(data, "PNG", GENEROUS).pixels == drawn(1, "PNG")


def test_trailing_bytes_are_no_part_of_the_picture() -> None:
    """Phones append films and notes of their own to their photographs."""
    for image_format in ("JPEG", "PNG", "GIF", "WEBP", "HEIF", "AVIF"):
        data = drawn(1, image_format) + b"SEFH\x6b\0\0\0\1\0\0\0 and something else" * 3
        assert outline(data, image_format, GENEROUS).is_complete
