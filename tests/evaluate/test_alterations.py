"""The catalogue of alterations: drawn from a seed, and doing what each name says."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageChops

from hashmatch.evaluate import CATALOGUE, Alteration, Group, Surroundings, reduced
from hashmatch.synthetic import draw_picture

BY_NAME = {one.name: one for one in CATALOGUE}
PICTURE = draw_picture(5, 240, 180)


def _altered(name: str, picture: Image.Image = PICTURE, seed: int = 1) -> Image.Image:
    """Return the picture after an alteration, before it is encoded."""
    return BY_NAME[name].draw(picture, Surroundings(np.random.default_rng(seed)))


@cache
def _file(name: str, seed: int = 1) -> bytes:
    return BY_NAME[name].alter(PICTURE, Surroundings(np.random.default_rng(seed)))


def _pixels(picture: Image.Image) -> NDArray[np.int16]:
    return np.asarray(picture, np.int16)


def _changed_share(picture: Image.Image, by: int = 12) -> float:
    difference = np.asarray(ImageChops.difference(picture, PICTURE)).max(axis=2)
    return float((difference > by).mean())


def test_there_are_128_alterations_with_names_of_their_own() -> None:
    assert len(CATALOGUE) == len(BY_NAME) == 128


def test_every_group_has_alterations() -> None:
    assert {one.group for one in CATALOGUE} == set(Group)


@pytest.mark.parametrize("alteration", CATALOGUE, ids=lambda one: one.name)
def test_the_same_seed_gives_the_same_file(alteration: Alteration) -> None:
    again = alteration.alter(PICTURE, Surroundings(np.random.default_rng(1)))
    assert again == _file(alteration.name)


@pytest.mark.parametrize("alteration", CATALOGUE, ids=lambda one: one.name)
def test_every_alteration_gives_a_picture_in_its_format(alteration: Alteration) -> None:
    with Image.open(io.BytesIO(_file(alteration.name))) as picture:
        assert picture.format == alteration.encoding.image_format
        picture.load()


@pytest.mark.parametrize(
    "name",
    ["noise", "chat, dark", "picture in picture, 50 %", "logo over 5 %", "perspective of 5 %",
     "phone viewer, light", "photograph of a screen", "padded in a colour by 10 %"],
)  # fmt: skip
def test_another_seed_gives_another_file(name: str) -> None:
    others = {_file(name, seed) for seed in range(1, 6)}
    assert len(others) > 1


def test_lower_qualities_give_smaller_files() -> None:
    sizes = [len(_file(f"JPEG {one}")) for one in (90, 75, 50, 30, 20, 10)]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("name", "size"),
    [("resized × 0.5", (120, 90)), ("resized × 2", (480, 360)), ("width × 0.8", (192, 180)),
     ("resized × 0.1", (24, 18)), ("turned by 90°", (180, 240)), ("square cut", (180, 180)),
     ("padded in white by 10 %", (288, 216)), ("letterbox", (240, 242)),
     ("bars left and right", (360, 180)), ("blurred bars of 30 %", (384, 288)),
     ("blurred story", (720, 1280)), ("collage 2 × 1", (480, 180)), ("collage 1 × 2", (240, 360)),
     ("collage 2 × 2", (480, 360)), ("cropped by 10 % about the centre", (216, 162))],
)  # fmt: skip
def test_sizes_are_those_of_the_names(name: str, size: tuple[int, int]) -> None:
    assert _altered(name).size == size


@pytest.mark.parametrize("share", [0.02, 0.035, 0.05, 0.1, 0.15, 0.2])
def test_a_crop_on_one_side_leaves_the_rest_as_it_was(share: float) -> None:
    left = _altered(f"cropped by {share * 100:g} % on one side")
    assert left.width * left.height == pytest.approx(240 * 180 * (1 - share), rel=0.01)
    assert (left.width == 240) != (left.height == 180)
    boxes = [
        (x, y, x + left.width, y + left.height)
        for x in {0, 240 - left.width}
        for y in {0, 180 - left.height}
    ]
    assert any(PICTURE.crop(box).tobytes() == left.tobytes() for box in boxes)


@pytest.mark.parametrize("colour", ["white", "black"])
def test_padding_is_of_its_colour_and_has_the_picture_inside(colour: str) -> None:
    padded = _altered(f"padded in {colour} by 20 %")
    assert padded.getpixel((0, 0)) == ((255,) * 3 if colour == "white" else (0,) * 3)
    assert padded.crop((48, 36, 288, 216)).tobytes() == PICTURE.tobytes()


def test_a_frame_of_two_colours_has_two() -> None:
    framed = _altered("frame of two colours")
    row = [framed.getpixel((x, framed.height // 2)) for x in range(17)]
    assert len(set(row)) == 2


def test_turns_and_mirrors_are_undone_by_their_opposites() -> None:
    for name, back in (
        ("turned by 90°", Image.Transpose.ROTATE_270),
        ("turned by 180°", Image.Transpose.ROTATE_180),
        ("mirrored left to right", Image.Transpose.FLIP_LEFT_RIGHT),
        ("mirrored about a diagonal", Image.Transpose.TRANSPOSE),
    ):
        assert _altered(name).transpose(back).tobytes() == PICTURE.tobytes()


def test_inverted_pixels_add_up_to_white() -> None:
    assert (_pixels(_altered("inverted")) + _pixels(PICTURE) == 255).all()


@pytest.mark.parametrize("degrees", [1, 3, 7])
def test_turns_have_corners_unless_they_are_cut_to_fit(degrees: int) -> None:
    white = Image.new("RGB", (240, 180), "white")

    def darkest(name: str) -> int:
        return int(_pixels(_altered(f"turned by {degrees}°, {name}", white)).min())

    assert darkest("black corners") == 0
    assert darkest("cut to fit") > 200
    black = Image.new("RGB", (240, 180), "black")
    expanded = _pixels(_altered(f"turned by {degrees}°, expanded over white", black))
    assert expanded[0, 0].tolist() == [255] * 3


@pytest.mark.parametrize(
    ("name", "share"),
    [("logo over 5 %", 0.05), ("logo over 10 %", 0.1), ("logo over 25 %", 0.25),
     ("sticker over 15 %", 0.15), ("black bar over 4 %", 0.04), ("patch of 15 % drawn again", 0.15),
     ("mosaic of a small area", 0.0256)],
)  # fmt: skip
def test_as_much_is_covered_as_the_name_says(name: str, share: float) -> None:
    covered = _changed_share(_altered(name), by=0)
    assert share * 0.6 <= covered <= share * 1.35


def test_a_picture_in_a_picture_takes_a_quarter_of_its_area() -> None:
    white = Image.new("RGB", (240, 180), "white")
    pixels = _pixels(_altered("picture in picture, 50 %", white))
    assert (pixels == 255).all(axis=2).mean() == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize(
    "name",
    ["collage 2 × 1", "collage 1 × 2", "collage 2 × 2", "picture in picture, 50 %"],
)
def test_companions_stand_beside_the_picture(name: str) -> None:
    red = Image.new("RGB", (100, 80), "red")
    surroundings = Surroundings(np.random.default_rng(1), (red,))
    altered = _pixels(BY_NAME[name].draw(Image.new("RGB", (240, 180), "blue"), surroundings))
    assert {tuple(one) for one in altered.reshape(-1, 3).tolist()} == {(255, 0, 0), (0, 0, 255)}


@pytest.mark.parametrize(
    "name",
    ["phone viewer, dark", "phone viewer, light", "phone viewer, on its side", "web post, white",
     "web post, dark", "chat, light", "chat, dark", "meme bar above", "meme bar below",
     "meme bars above and below"],
)  # fmt: skip
def test_screens_show_the_whole_picture_as_a_rectangle(name: str) -> None:
    marked = Image.new("RGB", (240, 180), (255, 0, 255))
    pixels = _pixels(_altered(name, marked))
    is_shown = (abs(pixels - (255, 0, 255)).max(axis=2)) < 30
    rows, columns = np.flatnonzero(is_shown.any(axis=1)), np.flatnonzero(is_shown.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    assert width / height == pytest.approx(240 / 180, rel=0.02)
    # All of it but rounded corners and the time.
    assert is_shown.sum() / (height * width) > 0.93
    assert is_shown.size > 1.1 * height * width


def test_photographs_of_screens_have_the_picture_amid_the_dark() -> None:
    for name in ("photograph of a screen", "photograph of a screen, at a slant"):
        light = _pixels(_altered(name, Image.new("RGB", (240, 180), "white"))).mean(axis=2)
        height, width = light.shape
        assert light[height // 2, width // 2] > 180
        assert light[:8].mean() < 100
        assert 0.2 < (light > 150).mean() < 0.9


def test_a_warp_moves_parts_and_keeps_their_colours() -> None:
    light, warped = _altered("img2img, light"), _altered("img2img, warped by 2.5 %")
    assert light.size == warped.size == PICTURE.size
    assert (
        abs(_pixels(light) - _pixels(PICTURE)).mean()
        < abs(_pixels(warped) - _pixels(PICTURE)).mean()
    )


@pytest.mark.parametrize("name", ["grey", "sepia", "gamma 2", "hue by 180°", "tone-mapped"])
def test_colours_change_and_sizes_do_not(name: str) -> None:
    changed = _altered(name)
    assert changed.size == PICTURE.size
    assert _changed_share(changed) > 0.3


def test_pictures_are_reduced_to_800_pixels_and_never_enlarged() -> None:
    assert reduced(Image.new("RGB", (4000, 1000))).size == (800, 200)
    assert reduced(Image.new("L", (100, 50))).size == (100, 50)
    assert reduced(Image.new("L", (100, 50))).mode == "RGB"


@pytest.mark.parametrize("size", [(40, 30), (30, 300)])
def test_small_and_narrow_pictures_are_altered_too(size: tuple[int, int]) -> None:
    picture = draw_picture(2, *size)
    for one in CATALOGUE:
        assert one.alter(picture, Surroundings(np.random.default_rng(3)))
