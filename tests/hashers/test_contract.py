"""What every hasher keeps to; a new one is tested by being registered."""

from __future__ import annotations

import hashlib
import json
from functools import cache

import imagehash
import pytest
from PIL import Image

from hashmatch.errors import InputError, UnsupportedAlgorithmError
from hashmatch.hashers import (
    ALGORITHMS,
    BYTES_HASHERS,
    PIXEL_HASHERS,
    BytesHasher,
    PixelHasher,
    RunningHash,
    find_algorithm,
    hash_bytes,
)
from hashmatch.hashers.interface import orient
from hashmatch.hashes import Kind, Orientation
from hashmatch.synthetic import draw_picture
from tests.hashers.make_golden import GOLDEN, compute
from tests.oracle import distance_bits

_drawn = cache(draw_picture)  # No test changes a picture.

by_name = pytest.mark.parametrize(
    "hasher", PIXEL_HASHERS, ids=[one.algorithm.name for one in PIXEL_HASHERS]
)
by_bytes_name = pytest.mark.parametrize(
    "hasher", BYTES_HASHERS, ids=[one.algorithm.name for one in BYTES_HASHERS]
)


def test_names_are_unique() -> None:
    assert len(ALGORITHMS) == len(BYTES_HASHERS) + len(PIXEL_HASHERS)


@by_name
def test_orientations_are_those_of_really_turned_pictures(hasher: PixelHasher) -> None:
    picture = _drawn(1)
    found = hasher.hash_orientations(picture)
    assert [one.orientation for one in found] == list(Orientation)
    for one in found:
        assert one.value == hasher.hash_pixels(orient(picture, one.orientation)).value


def test_turns_are_clockwise() -> None:
    picture = Image.new("L", (2, 3))
    picture.putpixel((0, 0), 255)
    corners = {one: orient(picture, one) for one in Orientation}
    assert corners[Orientation.ROTATE_90].getpixel((2, 0)) == 255
    assert corners[Orientation.FLIP_X].getpixel((1, 0)) == 255
    assert corners[Orientation.FLIP_Y].getpixel((0, 2)) == 255
    assert corners[Orientation.TRANSVERSE].getpixel((2, 1)) == 255


@by_name
def test_a_hash_has_the_length_its_algorithm_says(hasher: PixelHasher) -> None:
    one = hasher.hash_pixels(_drawn(1))
    assert len(one.value) * 8 == hasher.algorithm.bits
    assert one.algorithm is hasher.algorithm
    assert hasher.algorithm.kind is Kind.PERCEPTUAL


@by_name
def test_the_picture_is_left_alone(hasher: PixelHasher) -> None:
    picture = _drawn(1)
    before = picture.tobytes()
    hasher.hash_pixels(picture)
    assert picture.tobytes() == before


@by_name
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3, 5), (8, 8), (63, 65)])
def test_any_size_is_hashed(hasher: PixelHasher, size: tuple[int, int]) -> None:
    for mode in ("RGB", "L"):
        picture = _drawn(5).resize(size).convert(mode)
        assert len(hasher.hash_pixels(picture).value) * 8 == hasher.algorithm.bits


@by_name
def test_copies_match_and_strangers_do_not(hasher: PixelHasher) -> None:
    known = hasher.hash_pixels(_drawn(1)).value
    smaller = hasher.hash_pixels(_drawn(1).resize((320, 240))).value
    # Some have no default threshold, since they would not bear a long list.
    threshold_bits = hasher.algorithm.threshold_bits or hasher.algorithm.bits // 16
    assert distance_bits(known, smaller) <= threshold_bits
    for seed in range(20, 40):
        stranger = hasher.hash_pixels(_drawn(seed)).value
        assert distance_bits(known, stranger) > threshold_bits


def test_the_bits_are_those_of_the_golden_file() -> None:
    """They must never change under a version: lists were made with them."""
    assert compute() == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("phash", imagehash.phash),
        ("dhash", imagehash.dhash),
        ("whash", imagehash.whash),
        ("ahash", imagehash.average_hash),
    ],
)
def test_the_classic_hashes_print_as_imagehash_prints_them(name: str, function: object) -> None:
    assert callable(function)
    hasher = next(one for one in PIXEL_HASHERS if one.algorithm.name == name)
    for seed in range(5):
        picture = _drawn(seed, 200 + 31 * seed, 150)
        assert hasher.hash_pixels(picture).value.hex() == str(function(picture))


@by_bytes_name
def test_files_are_hashed_as_the_standard_library_does(hasher: BytesHasher) -> None:
    for data in (b"", b"abc", bytes(range(251)) * 5000):
        expected = hashlib.new(hasher.algorithm.name, data).digest()
        (found,) = hash_bytes(data, [hasher])
        assert (found.algorithm, found.value) == (hasher.algorithm, expected)
    assert hasher.algorithm.kind is Kind.EXACT


def test_a_file_is_read_once_for_all_its_exact_hashes() -> None:
    reads: list[tuple[str, int]] = []

    class Noting(BytesHasher):
        def __init__(self, name: str) -> None:
            self.algorithm = ALGORITHMS[name]

        def begin(self) -> RunningHash:
            return self

        def update(self, data: memoryview, /) -> None:
            reads.append((self.algorithm.name, len(data)))

        def digest(self) -> bytes:
            return b""

    hash_bytes(bytes(300_000), [Noting("md5"), Noting("sha1")])
    first, last = 262_144, 300_000 - 262_144
    assert reads == [("md5", first), ("sha1", first), ("md5", last), ("sha1", last)]


@pytest.mark.parametrize("name", ["sha256", "SHA-256", " Sha256 ", "sha-256"])
def test_algorithms_are_found_however_lists_write_them(name: str) -> None:
    assert find_algorithm(name) is ALGORITHMS["sha256"]


def test_an_unknown_algorithm_is_named_unless_it_could_be_a_hash() -> None:
    with pytest.raises(UnsupportedAlgorithmError, match="photodna hashes are not matched"):
        find_algorithm("PhotoDNA")
    for secret in ("d41d8cd98f00b204e9800998ecf8427e", "fedcba9876543210", "secret"):
        with pytest.raises(InputError) as caught:
            find_algorithm(secret)
        assert secret not in caught.value.message + caught.value.hint
