"""Decoding less than everything: faster, and hardly another bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashmatch.hashes import Decode, View
from hashmatch.imaging import Hashing, Reading
from hashmatch.imaging.decoding.webp_still import decode_luma, open_still
from tests.oracle import distance_bits
from tests.pictures import encoded, photograph, read

SCALED = Hashing(Decode.SCALED)
CLASSIC = ("phash", "dhash", "whash", "ahash")
# Formats of which the luma alone is decoded, with what makes their files quickly.
LUMA_ALONE = pytest.mark.parametrize(
    ("image_format", "quick"), [("JPEG", {}), ("WEBP", {"method": 0})], ids=["JPEG", "WEBP"]
)


def _both(data: bytes, *algorithms: str) -> tuple[Reading, Reading]:
    full, scaled = read(data, *algorithms), read(data, *algorithms, hashing=SCALED)
    assert full.failure is None
    assert scaled.failure is None
    assert full.media == scaled.media
    return full, scaled


def _drift_bits(data: bytes, *algorithms: str) -> list[int]:
    full, scaled = _both(data, *algorithms)
    pairs = zip(full.hashes, scaled.hashes, strict=True)
    return [distance_bits(one.value, other.value) for one, other in pairs]


@pytest.mark.parametrize("size", [(1600, 1200), (2049, 1537), (3300, 3100), (1200, 900)])
@pytest.mark.parametrize(
    "seeds", [range(1), pytest.param(range(1, 3), marks=pytest.mark.long)], ids=["one", "more"]
)
def test_a_scaled_jpeg_has_the_same_bits_but_for_a_few(size: tuple[int, int], seeds: range) -> None:
    options: list[dict[str, bool | int]] = [{}, {"progressive": True}, {"subsampling": 0}]
    for picture in (photograph(seed, *size) for seed in seeds):
        for one in options:
            assert _drift_bits(encoded(picture, "JPEG", **one), "pdq")[0] <= 6, one


@pytest.mark.parametrize("size", [(1600, 1537), (2049, 1601)])
@pytest.mark.parametrize(
    "seeds", [range(1), pytest.param(range(1, 3), marks=pytest.mark.long)], ids=["one", "more"]
)
def test_a_scaled_webp_has_the_same_bits_but_for_a_few(size: tuple[int, int], seeds: range) -> None:
    for picture in (photograph(seed, *size) for seed in seeds):
        for quality in (40, 90):
            data = encoded(picture, "WEBP", quality=quality, method=0)
            assert _drift_bits(data, "pdq")[0] <= 6, quality


def test_a_webp_whose_colours_cannot_be_shown_is_read_in_colour() -> None:
    """Its stored brightness is not what is seen: half of it is clipped."""
    faint = np.asarray(photograph(1, 1600, 1540)).astype(np.int16) // 8 + 220
    faint[::2, ::2] = (255, 0, 0)
    data = encoded(Image.fromarray(faint.astype(np.uint8)), "WEBP", quality=90, method=0)
    image = open_still(data, slice(12, len(data)))
    assert image is not None
    assert decode_luma(image) is None
    assert _drift_bits(data, "pdq")[0] <= 6


@LUMA_ALONE
def test_the_drift_of_natural_pictures_is_under_a_bit_and_never_over_six(
    shared_pdq: Path, image_format: str, quick: dict[str, int]
) -> None:
    drift = []
    for path in sorted(shared_pdq.rglob("*.jpg")):
        picture = Image.open(path).convert("RGB")
        larger = picture.resize((picture.width * 1600 // min(picture.size),
                                 picture.height * 1600 // min(picture.size)))  # fmt: skip
        data = encoded(larger, image_format, quality=90, **quick)
        full, scaled = (reading.hashes[0] for reading in _both(data, "pdq"))
        if (full.quality or 0) >= 50:
            drift.append(distance_bits(full.value, scaled.value))
    assert len(drift) >= 20
    assert sum(drift) / len(drift) < 1
    assert max(drift) <= 6


@LUMA_ALONE
def test_classic_hashes_of_a_scaled_picture_stay_within_two_bits(
    image_format: str, quick: dict[str, int]
) -> None:
    for seed in range(2):
        data = encoded(photograph(seed, 2000, 1600), image_format, **quick)
        assert max(_drift_bits(data, *CLASSIC)) <= 2


@pytest.mark.parametrize(
    ("image_format", "quick"),
    [("PNG", {"compress_level": 1}), ("WEBP", {"lossless": True, "method": 0}), ("BMP", {})],
)
def test_other_formats_are_made_smaller_for_pdq_alone(
    image_format: str, quick: dict[str, int]
) -> None:
    data = encoded(photograph(1, 2000, 1600), image_format, **quick)
    assert _drift_bits(data, "pdq")[0] <= 6
    assert _drift_bits(data, *CLASSIC) == [0] * len(CLASSIC)


def test_a_hash_says_what_it_was_made_from() -> None:
    large, small = photograph(1, 2000, 1600), photograph(1, 640, 480)
    for picture, image_format, expected in (
        (large, "JPEG", Decode.SCALED),
        (small, "JPEG", Decode.FULL),
        (small.convert("L"), "JPEG", Decode.FULL),
        (large, "WEBP", Decode.SCALED),
        (small, "WEBP", Decode.FULL),
        (large, "PNG", Decode.SCALED),
        (small, "PNG", Decode.FULL),
    ):
        quick = {"PNG": {"compress_level": 1}, "WEBP": {"method": 0}}.get(image_format, {})
        full, scaled = _both(encoded(picture, image_format, **quick), "pdq", "sha256")
        assert [one.decode for one in full.hashes] == [Decode.FULL, Decode.FULL]
        assert [one.decode for one in scaled.hashes] == [Decode.FULL, expected]


@LUMA_ALONE
def test_views_of_a_scaled_picture_are_those_of_the_whole_one(
    image_format: str, quick: dict[str, int]
) -> None:
    framed = Image.new("RGB", (2000, 2400), "black")
    framed.paste(photograph(1, 2000, 1600), (0, 400))
    exif = Image.Exif()
    exif[0x0112] = 6
    full, scaled = _both(encoded(framed, image_format, exif=exif, **quick), "pdq")
    assert [one.view for one in scaled.hashes] == [one.view for one in full.hashes]
    assert View.INNER in {one.view for one in scaled.hashes}
    for one, other in zip(full.hashes, scaled.hashes, strict=True):
        assert distance_bits(one.value, other.value) <= 8


def test_all_orientations_of_a_scaled_picture_are_hashed() -> None:
    data = encoded(photograph(1, 2000, 1600), "JPEG")
    full = read(data, "pdq", hashing=Hashing(orientations=True))
    scaled = read(data, "pdq", hashing=Hashing(Decode.SCALED, orientations=True))
    for one, other in zip(full.hashes, scaled.hashes, strict=True):
        assert one.orientation is other.orientation
        assert distance_bits(one.value, other.value) <= 6
