"""Degenerate hashes are those of pictures that show next to nothing, and of no others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hashmatch.hashers import ALGORITHMS, PIXEL_HASHERS, PixelHasher, is_degenerate
from hashmatch.hashes import Algorithm, Kind
from hashmatch.synthetic import draw_picture

CLASSIC = {one.algorithm.name: one for one in PIXEL_HASHERS if one.algorithm.bits == 64}
SIZES = [(64, 64), (320, 240), (127, 93)]
TONES = [(0, 255), (40, 200), (255, 0), (140, 100)]


def _is_degenerate(hasher: PixelHasher, picture: Image.Image) -> bool:
    return is_degenerate(hasher.algorithm, hasher.hash_pixels(picture).value)


def _between(share: NDArray[np.float64], tones: tuple[int, int]) -> Image.Image:
    values = tones[0] + (tones[1] - tones[0]) * share
    return Image.fromarray(values.round().astype(np.uint8)).convert("RGB")


def _ramps(size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far each pixel is to the right, and how far down, as shares of 1."""
    width, height = size
    down, right = np.mgrid[0:height, 0:width]
    return right / (width - 1), down / (height - 1)


@pytest.mark.parametrize("name", CLASSIC)
def test_plain_pictures_have_degenerate_hashes(name: str) -> None:
    for size in SIZES:
        for colour in ((0, 0, 0), (255, 255, 255), (127, 127, 127), (200, 30, 90)):
            assert _is_degenerate(CLASSIC[name], Image.new("RGB", size, colour)), colour


@pytest.mark.parametrize("name", CLASSIC)
def test_gradients_along_the_sides_have_degenerate_hashes(name: str) -> None:
    for size in SIZES:
        for ramp in _ramps(size):
            for tones in TONES:
                assert _is_degenerate(CLASSIC[name], _between(ramp, tones)), (size, tones)


@pytest.mark.parametrize("name", CLASSIC)
@pytest.mark.parametrize("cut", [0.25, 0.5, 0.7])
def test_pictures_of_two_halves_have_degenerate_hashes(name: str, cut: float) -> None:
    for size in SIZES:
        for ramp in _ramps(size):
            for tones in TONES:
                picture = _between((ramp < cut).astype(float), tones)
                assert _is_degenerate(CLASSIC[name], picture), (size, tones)


@pytest.mark.parametrize("name", ["ahash", "whash"])
def test_gradients_in_any_direction_have_degenerate_hashes_of_brightness(name: str) -> None:
    right, down = _ramps((256, 256))
    for share in (0.2, 0.5, 0.8):
        for ramp in (share * right + (1 - share) * down, share * right + (1 - share) * (1 - down)):
            assert _is_degenerate(CLASSIC[name], _between(ramp, (10, 240))), share


@pytest.mark.parametrize("hasher", PIXEL_HASHERS, ids=lambda one: one.algorithm.name)
def test_drawn_pictures_do_not(hasher: PixelHasher) -> None:
    assert not any(_is_degenerate(hasher, draw_picture(seed)) for seed in range(30))


@pytest.mark.parametrize("name", ["pdq", *CLASSIC])
def test_all_bits_alike_and_half_planes_are_degenerate(name: str) -> None:
    algorithm = ALGORITHMS[name]
    size, length = algorithm.bits // 8, int(algorithm.bits**0.5) // 8
    top = b"\xff" * (size // 2) + bytes(size // 2)
    left = {1: b"\xf0", 2: b"\xff\x00"}[length] * (size // length)
    for value in (bytes(size), b"\xff" * size, top, left):
        inverse = bytes(byte ^ 0xFF for byte in value)
        assert is_degenerate(algorithm, value)
        assert is_degenerate(algorithm, inverse)


@pytest.mark.parametrize("name", ["pdq", *CLASSIC])
def test_a_single_bit_elsewhere_makes_half_a_plane_another_value(name: str) -> None:
    size = ALGORITHMS[name].bits // 8
    value = bytearray(b"\xff" * (size // 2) + bytes(size // 2))
    value[0] ^= 0b00100000
    assert not is_degenerate(ALGORITHMS[name], bytes(value))


def test_exact_hashes_and_vectors_never_are() -> None:
    assert not is_degenerate(ALGORITHMS["md5"], bytes(16))
    assert not is_degenerate(Algorithm("fields", "1", 128, Kind.VECTOR), bytes(16))


def test_bits_that_are_no_square_are_only_looked_at_for_all_alike() -> None:
    odd = Algorithm("odd", "1", 128, Kind.PERCEPTUAL)
    assert is_degenerate(odd, bytes(16))
    assert is_degenerate(odd, b"\xff" * 16)
    assert not is_degenerate(odd, b"\xff" * 8 + bytes(8))
