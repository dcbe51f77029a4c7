"""PDQ: the bits and the quality of the reference."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pdqhash
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.hashers.interface import orient
from hashmatch.hashers.kernels import weigh_rows
from hashmatch.hashers.pdq import PDQHasher, operator, reduce_to_64
from hashmatch.hashes import Orientation
from hashmatch.synthetic import draw_picture
from tests.oracle import distance_bits, weighed_rows
from tests.pictures import photograph, read

PDQ_HASHER = PDQHasher()

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
    for seed in range(3 if max(size) < 1000 else 1):
        picture = photograph(seed, *size)
        one = PDQ.hash_pixels(picture)
        assert (one.value, one.quality) == _of_binding(np.asarray(picture))


def _require_bits(seed: int, width: int, height: int) -> None:
    picture = draw_picture(seed, width, height)
    one = PDQ.hash_pixels(picture)
    assert (one.value, one.quality) == _of_binding(np.asarray(picture))


# The same pictures each time: a coefficient may one day fall within rounding of the median, where
# the two may differ. None did in 18,000 pictures.
@settings(max_examples=50, derandomize=True)
@given(seed=st.integers(0, 10_000), width=st.integers(64, 400), height=st.integers(64, 400))
def test_any_drawn_picture_has_the_bits_of_the_pdqhash_package(
    seed: int, width: int, height: int
) -> None:
    _require_bits(seed, width, height)


@pytest.mark.long
@settings(max_examples=400, derandomize=True)
@given(seed=st.integers(0, 10_000), width=st.integers(64, 700), height=st.integers(64, 700))
def test_many_drawn_pictures_have_the_bits_of_the_pdqhash_package(
    seed: int, width: int, height: int
) -> None:
    _require_bits(seed, width, height)


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


@settings(max_examples=60)
@given(data=st.data(), height=st.integers(1, 23), width=st.integers(1, 9))
def test_rows_are_weighed_as_the_oracle_weighs_them(
    data: st.DataObject, height: int, width: int
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    lines = rng.integers(0, 256, (height, width), np.uint8)
    runs = data.draw(st.integers(1, 5))
    firsts = rng.integers(0, height, runs)
    lengths = np.array([rng.integers(0, height - first + 1) for first in firsts])
    weights = rng.random((runs, height), np.float32)
    expected = weighed_rows(
        lines.tolist(), firsts.tolist(), lengths.tolist(), weights.astype(float).tolist()
    )
    for shape in (lines, np.asfortranarray(lines), np.repeat(lines, 2, axis=1)[:, ::2]):
        found = weigh_rows(shape, firsts, lengths, weights)
        assert np.allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_long_rows_are_weighed_to_their_end() -> None:
    lines = np.random.default_rng(1).integers(0, 256, (9, 5001), np.uint8)
    weights = np.full((1, 9), 1 / 9, np.float32)
    found = weigh_rows(lines, np.array([0]), np.array([9]), weights)
    assert np.allclose(found[0], lines.mean(axis=0), atol=1e-3)


@pytest.mark.parametrize(
    ("width", "height"), [(640, 480), (641, 479), (1000, 777), (64, 64), (50, 90)]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_orientation_is_that_of_the_really_turned_picture(
    width: int, height: int, mode: str
) -> None:
    for seed in range(4):
        picture = draw_picture(seed, width, height).convert(mode)
        found = PDQ_HASHER.hash_orientations(picture)
        for one, orientation in zip(found, Orientation, strict=True):
            turned = PDQ_HASHER.hash_pixels(orient(picture, orientation))
            assert one == replace(turned, orientation=orientation)


def test_every_orientation_of_natural_pictures_is_exact(shared_pdq: Path) -> None:
    for path in sorted((shared_pdq / "bridge-mods").glob("*.jpg"))[:12]:
        picture = Image.open(path).convert("RGB")
        for one in PDQ_HASHER.hash_orientations(picture):
            turned = PDQ_HASHER.hash_pixels(orient(picture, one.orientation))
            assert one.value == turned.value, path.name
