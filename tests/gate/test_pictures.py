"""Pictures are taken as programs hold them, and come back as they were given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from hashmatch.errors import InputError
from hashmatch.gate.pictures import is_plain, take
from hashmatch.synthetic import draw_picture
from tests.gate.pipelines import Tensor

PICTURE = draw_picture(1, 96, 64)
PIXELS: NDArray[np.uint8] = np.asarray(PICTURE)
FLOATS = PIXELS.astype(np.float32) / 255


def _shown(value: Any) -> list[NDArray[Any]]:
    return [np.asarray(one) for one in take(value).pictures]


@pytest.mark.parametrize(
    "value",
    [
        PICTURE,
        PIXELS,
        FLOATS,
        FLOATS.astype(np.float64),
        PIXELS.transpose(2, 0, 1),
        PIXELS[None],
        FLOATS.transpose(2, 0, 1)[None],
        Tensor(FLOATS[None]),
        Tensor(FLOATS.transpose(2, 0, 1), "torch.bfloat16"),
        Tensor(PIXELS, "torch.uint8"),
        FLOATS[None, None],
        [[PICTURE]],
        (PIXELS,),
    ],
)
def test_one_picture_is_the_same_however_it_is_held(value: Any) -> None:
    (found,) = _shown(value)
    assert np.array_equal(found, PIXELS)


def test_half_precision_is_near() -> None:
    (found,) = _shown(FLOATS.astype(np.float16))
    assert np.abs(found.astype(int) - PIXELS).max() <= 1


@pytest.mark.parametrize("shape", [(64, 96), (64, 96, 1), (1, 64, 96), (1, 1, 64, 96)])
def test_a_mask_is_a_grey_picture(shape: tuple[int, ...]) -> None:
    mask = PIXELS[..., 0].reshape(shape)
    (found,) = _shown(mask)
    assert np.array_equal(found, PIXELS[..., 0])
    (boolean,) = _shown(mask > 100)
    assert np.array_equal(boolean, np.where(PIXELS[..., 0] > 100, 255, 0))


def test_alpha_is_kept() -> None:
    (found,) = take(np.dstack([PIXELS, PIXELS[..., :1]])).pictures
    assert isinstance(found, Image.Image)
    assert found.mode == "RGBA"


@pytest.mark.parametrize(
    "shape", [(3, 64, 3), (2, 3, 64, 4), (2, 64, 96, 2), (5,), (0, 64, 96, 3), (64, 0)]
)
def test_a_shape_that_is_no_picture_or_two_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="shape"):
        take(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "values", [FLOATS * 255, FLOATS * 2 - 1, np.where(FLOATS > 0.5, np.float32(np.inf), FLOATS)]
)
def test_floats_of_another_range_are_refused(values: NDArray[np.float32]) -> None:
    with pytest.raises(InputError, match=r"bytes, or floats|reach"):
        take(values)


def test_what_is_no_number_is_black_as_it_is_when_it_is_saved() -> None:
    values = FLOATS.copy()
    values[:8] = np.nan
    (found,) = _shown(values)
    assert (found[:8] == 0).all()
    assert np.array_equal(found[8:], PIXELS[8:])


@pytest.mark.parametrize("value", ["a.png", 7, None, {"image": PICTURE}, PIXELS.astype(np.int32)])
def test_what_is_no_picture_is_refused_in_words(value: Any) -> None:
    with pytest.raises(TypeError, match="give"):
        take(value)


@given(st.sets(st.integers(0, 3)), st.sampled_from(["nhwc", "nchw", "tensor", "list", "tuple"]))
def test_what_is_withheld_is_replaced_and_nothing_else(withheld: set[int], kind: str) -> None:
    batch = np.stack([np.asarray(draw_picture(seed, 96, 64)) for seed in range(4)])
    values: dict[str, Any] = {
        "nhwc": batch,
        "nchw": batch.transpose(0, 3, 1, 2).astype(np.float32) / 255,
        "tensor": Tensor(batch.transpose(0, 3, 1, 2).astype(np.float32) / 255),
        "list": [Image.fromarray(one) for one in batch],
        "tuple": tuple(batch),
    }
    given_value = values[kind]
    shown = take(given_value).without(withheld)
    assert type(shown) is type(given_value)
    assert (shown is given_value) == (not withheld)
    for number, (before, after) in enumerate(zip(batch, _shown(shown), strict=True)):
        if number in withheld:
            assert after.min() == after.max() == 128
        else:
            assert np.array_equal(before, after)
    for before, after in zip(batch, _shown(given_value), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_plain_is_only_what_has_equal_pixels(mode: str) -> None:
    picture = Image.new(mode, (64, 64), "black")
    assert is_plain(picture)
    picture.putpixel((5, 40), 255 if mode == "L" else (0, 0, 1))
    assert not is_plain(picture)
