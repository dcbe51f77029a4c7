"""The search for altered copies: found at the standard level, and within bounds for any picture."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hashmatch.hashers.pdq import PDQ
from hashmatch.hashes import SEARCH_VIEWS, Detail, Hash, Level, Orientation, View
from hashmatch.imaging import Hashing, Reading
from hashmatch.imaging.limits import MAX_HASHES
from hashmatch.imaging.pool.messages import MAX_REPLY_BYTES, encode_reading
from hashmatch.imaging.views import Search
from hashmatch.imaging.views.borders import within_borders
from hashmatch.synthetic import draw_picture
from tests.imaging.views.altered import ALTERATIONS, as_file, screenshot
from tests.oracle import distance_bits
from tests.pictures import encoded, hashes_of, read

_WITHIN = 31  # bits, at which PDQ matches
# The most hashes that one picture may be looked up by, which bounds the time of its look-up.
_MOST = {Level.PLAIN: 0, Level.STANDARD: 64, Level.THOROUGH: 256}
_SEARCHED = (Level.STANDARD, Level.THOROUGH)


def _read(data: bytes, level: Level, *algorithms: str) -> Reading:
    reading = read(data, *(algorithms or ("pdq",)), hashing=Hashing(level=level))
    assert reading.failure is None
    return reading


def _nearest(hashes: tuple[Hash, ...], seed: int) -> tuple[int, Hash]:
    """Return the distance of the hash that is nearest to a drawn picture's, and the hash."""
    value = hashes_of(seed, "pdq")["pdq"].value
    return min(((distance_bits(one.value, value), one) for one in hashes), key=lambda pair: pair[0])


def _searched(reading: Reading) -> list[Hash]:
    return [one for one in reading.hashes if one.view in SEARCH_VIEWS]


VIEWS = {
    "turned left": View.RESIZED,
    "turned right": View.RESIZED,
    "upside down": View.RESIZED,
    "mirrored": View.RESIZED,
    "mirrored about the diagonal": View.RESIZED,
    "inverted": View.NEGATIVE,
    "framed": View.UNFRAMED,
    "screenshot": View.PART,
    "post": View.PART_INNER,
    "collage": View.PART,
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_copy_is_found_by_the_view_that_undoes_it(alteration: str) -> None:
    for seed in (1, 2, 3):
        data = as_file(ALTERATIONS[alteration](seed))
        assert _nearest(_read(data, Level.PLAIN).hashes, seed)[0] > 2 * _WITHIN
        for level in _SEARCHED:
            distance, found = _nearest(_read(data, level).hashes, seed)
            assert distance <= _WITHIN
            # A rectangle that is seen from the front may lie as well.
            assert found.view in (VIEWS[alteration], View.TILTED_PART)


@pytest.mark.parametrize(
    ("turn", "orientation"),
    [
        (Image.Transpose.ROTATE_90, Orientation.ROTATE_90),
        (Image.Transpose.ROTATE_180, Orientation.ROTATE_180),
        (Image.Transpose.ROTATE_270, Orientation.ROTATE_270),
        (Image.Transpose.FLIP_LEFT_RIGHT, Orientation.FLIP_X),
        (Image.Transpose.FLIP_TOP_BOTTOM, Orientation.FLIP_Y),
        (Image.Transpose.TRANSPOSE, Orientation.TRANSPOSE),
        (Image.Transpose.TRANSVERSE, Orientation.TRANSVERSE),
    ],
)
def test_the_orientation_of_a_hash_says_how_the_copy_was_turned_back(
    turn: Image.Transpose, orientation: Orientation
) -> None:
    picture = draw_picture(1)
    data = encoded(picture.transpose(turn))
    distance, found = _nearest(_read(data, Level.STANDARD).hashes, 1)
    assert distance <= _WITHIN
    assert found.orientation is orientation


def test_a_small_copy_is_nearer_by_way_of_one_size() -> None:
    large = draw_picture(4, 1280, 960)
    small = large.resize((213, 160))
    value = _read(encoded(large), Level.PLAIN).hashes[0].value
    hashes = _read(encoded(small), Level.STANDARD).hashes
    distances = {
        one.view: distance_bits(one.value, value)
        for one in hashes
        if one.orientation is Orientation.ORIGINAL and one.view in (View.FULL, View.RESIZED)
    }
    assert distances[View.RESIZED] <= distances[View.FULL]


def test_at_level_plain_nothing_is_searched() -> None:
    for make in ALTERATIONS.values():
        assert _searched(_read(as_file(make(1)), Level.PLAIN)) == []


def test_wider_levels_keep_all_hashes_of_narrower_ones() -> None:
    data = as_file(screenshot(1))
    plain, standard, thorough = (
        {(one.value, one.view) for one in _read(data, level).hashes} for level in Level
    )
    assert plain < standard < thorough


def test_other_algorithms_than_pdq_are_not_searched_by() -> None:
    data = as_file(screenshot(1))
    plain = _read(data, Level.PLAIN, "phash", "dhash", "sha256").hashes
    assert _read(data, Level.STANDARD, "phash", "dhash", "sha256").hashes == plain
    mixed = _read(data, Level.STANDARD, "phash", "pdq").hashes
    assert {one.algorithm for one in mixed if one.view in SEARCH_VIEWS} == {PDQ}


def test_no_two_hashes_of_a_search_are_nearly_equal() -> None:
    for make in ALTERATIONS.values():
        values = [one.value for one in _searched(_read(as_file(make(1)), Level.THOROUGH))]
        assert all(
            distance_bits(one, other) > 4
            for place, one in enumerate(values)
            for other in values[:place]
        )


def _film(frames: list[Image.Image], image_format: str = "PNG", **options: object) -> bytes:
    return encoded(frames[0], image_format, save_all=True, append_images=frames[1:], **options)


def _noise(seed: int, width: int = 32, height: int = 32) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8), "L"
    )


@pytest.mark.parametrize("frames", [1, 3, 33, 64, 65, 100])
def test_of_many_frames_the_first_and_evenly_spread_ones_are_searched(frames: int) -> None:
    reading = _read(_film([_noise(seed) for seed in range(frames)]), Level.STANDARD)
    plain = [one.frame for one in reading.hashes if one.view is View.FULL]
    assert plain == list(range(frames))
    searched = sorted({one.frame for one in _searched(reading)})
    assert searched[:32] == list(range(min(frames, 32)))
    assert len(searched) == min(frames, 64)
    widest = -(-max(0, frames - 32) // 32)
    assert all(after - before <= widest + 1 for before, after in pairwise(searched))


def test_frames_that_differ_are_searched_however_they_alternate() -> None:
    one, other, third = (_noise(seed) for seed in (0, 1, 2))
    reading = _read(_film([*[one, other] * 75, third, *[one, other] * 25]), Level.STANDARD)
    assert reading.media is not None
    assert reading.media.frames == 201
    assert sorted({one.frame for one in _searched(reading)}) == [0, 1, 150]


def test_each_frame_of_a_short_film_is_searched_for_its_own_pictures() -> None:
    frames = [screenshot(seed, 240, 480) for seed in (1, 2, 3)]
    reading = _read(_film(frames), Level.STANDARD)
    for place, seed in enumerate((1, 2, 3)):
        distance, found = _nearest(reading.hashes, seed)
        assert distance <= _WITHIN
        assert (found.frame, found.view) == (place, View.PART)


def test_pictures_that_no_viewer_shows_are_not_searched() -> None:
    sizes = [(256, 256), (64, 64), (32, 32)]
    data = encoded(draw_picture(1), "ICO", sizes=sizes)
    reading = _read(data, Level.STANDARD)
    assert View.EMBEDDED in {one.view for one in reading.hashes}
    assert {one.frame for one in _searched(reading)} == {0}


def _ink(picture: Image.Image, *, shown_over: str) -> bytes:
    """Return a file of one colour whose transparency alone makes a picture, over one background."""
    luma = np.asarray(picture.convert("L"))
    alpha = luma if shown_over == "black" else 255 - luma
    colour = 255 if shown_over == "black" else 0
    pixels = np.full((*luma.shape, 4), colour, np.uint8)
    pixels[..., 3] = alpha
    return encoded(Image.fromarray(pixels, "RGBA"))


@pytest.mark.parametrize("background", ["white", "black"])
def test_a_screenshot_over_one_background_alone_is_searched(background: str) -> None:
    reading = _read(_ink(screenshot(2), shown_over=background), Level.STANDARD)
    distance, found = _nearest(reading.hashes, 2)
    assert distance <= _WITHIN
    assert found.view is View.PART


def test_of_two_pictures_in_one_transparent_file_both_are_searched() -> None:
    """Over white it is one screenshot, and over black another."""
    on_black = np.asarray(screenshot(2).convert("L")).astype(int) * 2 // 5
    on_white = 128 + np.asarray(screenshot(1).convert("L")).astype(int) * 2 // 5
    alpha = 255 - (on_white - on_black)
    colour = np.minimum(on_black * 255 // np.maximum(alpha, 1), 255)
    pixels = np.stack([colour, colour, colour, alpha], axis=2).astype(np.uint8)
    reading = _read(encoded(Image.fromarray(pixels, "RGBA")), Level.STANDARD)
    renderings = set()
    for seed in (1, 2):
        distance, found = _nearest(reading.hashes, seed)
        assert distance <= _WITHIN
        renderings.add(found.rendering)
    assert len(renderings) == 2


def test_mixes_over_greys_are_looked_up_and_not_searched() -> None:
    picture = draw_picture(1)
    picture.putalpha(draw_picture(2).convert("L"))
    reading = _read(encoded(picture), Level.STANDARD)
    greys = {one.rendering for one in reading.hashes if one.view is View.ON_GREY}
    assert greys
    assert greys.isdisjoint(one.rendering for one in _searched(reading))


def test_a_rendering_in_much_the_same_colours_is_searched_once() -> None:
    picture = draw_picture(1)
    picture.putalpha(252)
    reading = _read(encoded(picture), Level.STANDARD)
    assert View.ON_BLACK in {one.view for one in reading.hashes}
    assert {one.rendering for one in _searched(reading)} == {0}


def _patterns(width: int, height: int) -> dict[str, np.ndarray]:
    x, y = np.arange(width)[None, :], np.arange(height)[:, None]
    return {
        "noise": np.random.default_rng(1).integers(0, 256, (height, width)),
        "plain": np.full((height, width), 7),
        "stripes": np.broadcast_to(x // 9 % 2 * 255, (height, width)),
        "checks": (x // 16 + y // 16) % 2 * 255,
        "one line": np.broadcast_to((y == height // 2) * 255, (height, width)),
    }


SIZES = [
    *((1, 1), (1, 5000), (5000, 1), (23, 400), (24, 24), (25, 2000), (64, 64), (640, 480)),
    *((65535, 3), (3, 65535), (65535, 24), (24, 65535), (16000, 480), (1031, 1033)),
]


def _search(picture: Image.Image, level: Level) -> list[Hash]:
    search = Search(level, frames=1)
    search.begin_frame(0, is_embedded=False)
    return search.hashes(picture, View.FULL)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_pictures_of_any_size_are_searched_within_bounds(width: int, height: int) -> None:
    for values in _patterns(width, height).values():
        picture = Image.fromarray(values.astype(np.uint8))
        for level in _SEARCHED:
            hashes = _search(picture, level)
            assert len(hashes) <= _MOST[level]
            assert all(len(one.value) * 8 == PDQ.bits for one in hashes)
            assert all(one.quality is not None and 0 <= one.quality <= 100 for one in hashes)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    width=st.integers(1, 200),
    height=st.integers(1, 200),
    cells=st.integers(1, 30),
    levels=st.integers(2, 256),
)
def test_any_picture_is_searched_within_bounds(
    seed: int, width: int, height: int, cells: int, levels: int
) -> None:
    blocks = np.random.default_rng(seed).integers(0, levels, (cells, cells), np.uint8)
    picture = Image.fromarray(blocks * (255 // (levels - 1))).resize((width, height), 0)
    for mode in ("L", "RGB"):
        found = _search(picture.convert(mode), Level.THOROUGH)
        assert len(found) <= _MOST[Level.THOROUGH]
        assert (found == []) is (min(width, height) < 24)


def test_a_picture_of_one_colour_shows_nothing_in_any_view() -> None:
    for level in _SEARCHED:
        hashes = _search(Image.new("RGB", (640, 480), (90, 20, 160)), level)
        assert {one.detail for one in hashes} == {Detail.NONE}
        assert {one.best_quality for one in hashes} == {0}


def test_the_longest_reply_of_a_searched_file_fits() -> None:
    """All frames that are searched, with as many views as there may be, and some to spare."""
    reading = _read(_film([_noise(seed) for seed in range(100)]), Level.THOROUGH)
    assert len(reading.hashes) * 4 < MAX_HASHES
    assert len(encode_reading(1, reading)) < MAX_REPLY_BYTES * len(reading.hashes) / MAX_HASHES


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_search_does_not_depend_on_the_format_of_the_file(seed: int) -> None:
    picture = screenshot(seed)
    makers: list[Callable[[], bytes]] = [
        lambda: encoded(picture),
        lambda: encoded(picture, "TIFF"),
        lambda: encoded(picture, "BMP"),
    ]
    found = [[one.value for one in _searched(_read(make(), Level.STANDARD))] for make in makers]
    assert found[0]
    assert found[1:] == found[:-1]


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_a_turn_that_some_viewers_ignore_hides_no_part(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = _nearest(_read(as_file(screenshot(1)), Level.STANDARD).hashes, 1)[0]
    data = encoded(screenshot(1), "JPEG", quality=95, exif=exif.tobytes())
    distance, found = _nearest(_read(data, Level.STANDARD).hashes, 1)
    assert plain <= _WITHIN
    assert distance <= _WITHIN
    assert found.view is View.PART


@pytest.mark.parametrize("size", [(24, 24), (100, 100), (300, 24)])
def test_borders_that_run_into_each_other_are_none(size: tuple[int, int]) -> None:
    slope = np.linspace(100, 140, size[1], dtype=np.float32)[:, None]
    plane = np.ascontiguousarray(np.broadcast_to(slope, (size[1], size[0])))
    assert within_borders(plane, (0, 0, *size), 3) == []
