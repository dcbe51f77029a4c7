"""PDQ: the bits and the quality of the reference."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pdqhash
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hashmatch.drawing import draw_picture
from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.hashers.pdq import operator, reduce_to_64
from tests.oracle import distance_bits
from tests.pictures import read

PDQ = next(one for one in PIXEL_HASHERS if one.algorithm.name == "pdq")

SIZES = [
    *((side, side) for side in (64, 65, 100, 127, 128, 129, 192, 256, 300, 512, 513, 1000)),
    *((64, 640), (640, 64), (97, 131), (200, 1500), (1500, 200), (640, 480), (479, 641)),
    *((1023, 767), (1920, 1080), (1080, 1920), (4000, 3000)),
]


def _of_binding(pixels: np.ndarray) -> tuple[bytes, int]:
    """Return value and quality as the pdqhash package computes them."""
    bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
    return np.packbits(bits).tobytes(), quality


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bits_and_quality_are_those_of_the_pdqhash_package(size: tuple[int, int]) -> None:
    for seed in range(3):
        picture = draw_picture(seed, *size)
        one = PDQ.hash_pixels(picture)
        assert (one.value, one.quality) == _of_binding(np.asarray(picture))


# The same pictures each time: a coefficient may one day fall within rounding of the median, where
# the two may differ. None did in 18,000 pictures.
@settings(max_examples=60, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    width=st.integers(64, 700),
    height=st.integers(64, 700),
)
def test_any_drawn_picture_has_the_bits_of_the_pdqhash_package(
    seed: int, width: int, height: int
) -> None:
    picture = draw_picture(seed, width, height)
    one = PDQ.hash_pixels(picture)
    assert (one.value, one.quality) == _of_binding(np.asarray(picture))


def test_a_grey_picture_hashes_like_its_colour_copy() -> None:
    grey = draw_picture(3).convert("L")
    assert PDQ.hash_pixels(grey) == PDQ.hash_pixels(grey.convert("RGB"))


@given(dim=st.integers(1, 5000))
def test_every_row_of_the_operator_is_a_mean_within_the_picture(dim: int) -> None:
    for first, weights in operator(dim):
        assert first >= 0
        assert first + len(weights) <= dim
        assert weights.sum() == pytest.approx(1, abs=1e-5)


def test_an_even_picture_stays_even_and_has_no_quality() -> None:
    plain = Image.new("RGB", (300, 200), (90, 90, 90))
    assert np.allclose(reduce_to_64(np.asarray(plain)), 90, atol=1e-3)
    assert PDQ.hash_pixels(plain).quality == 0


@pytest.mark.parametrize("size", [(4, 100), (100, 4), (1, 1)])
def test_a_picture_under_five_pixels_a_side_has_no_bits_and_no_quality(
    size: tuple[int, int],
) -> None:
    one = PDQ.hash_pixels(draw_picture(1).resize(size))
    assert (one.value, one.quality) == (bytes(32), 0)


def test_the_reference_pictures_are_within_tolerance(shared_pdq: Path) -> None:
    with (shared_pdq / "references.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 38
    far = [
        (row["path"], row["origin"], distance)
        for row in rows
        if (distance := _distance_to(shared_pdq / row["path"], row["pdq_hex"]))
        > int(row["tolerance_bits"])
    ]
    assert far == []


def test_every_pixel_mode_is_within_2_bits_of_the_original(shared_pdq: Path) -> None:
    original = read((shared_pdq / "modes" / "original.jpg").read_bytes(), "pdq").hashes[0]
    pictures = sorted((shared_pdq / "modes").iterdir())
    assert len(pictures) >= 14
    distances = {path.name: _distance_to(path, original.value.hex()) for path in pictures}
    assert {name: bits for name, bits in distances.items() if bits > 2} == {}


def _distance_to(path: Path, pdq_hex: str) -> int:
    reading = read(path.read_bytes(), "pdq")
    assert reading.failure is None, path
    return distance_bits(reading.hashes[0].value, bytes.fromhex(pdq_hex))
