"""The browser as an oracle: it shows what files show, and a file that we overlook is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
from PIL import Image

from hashmatch.synthetic import draw_picture
from tests.pictures import encoded, read
from tests.programs import require_program

from .browser import Browser
from .checking import Checker, find_disagreements
from .formats import FORMATS

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    require_program("chromium")
    with Browser() as running:
        yield running


def test_the_browser_tells_what_it_shows_over_white_and_black(browser: Browser) -> None:
    picture = draw_picture(1, 160, 120).convert("RGBA")
    picture.paste((0, 0, 0, 0), (40, 30, 120, 90))
    shown = browser.show(encoded(picture, "PNG"), "PNG")
    assert shown.errors == ()
    for one, colour in zip(shown.pictures, ("white", "black"), strict=True):
        wanted = Image.new("RGB", picture.size, colour)
        wanted.paste(picture, mask=picture.getchannel("A"))
        assert (one.background, one.frame) == (colour, -1)
        assert np.array_equal(np.asarray(one.picture), np.asarray(wanted))


def test_the_browser_tells_every_frame_and_its_time(browser: Browser) -> None:
    frames = [draw_picture(seed, 160, 120) for seed in (1, 2, 3)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=[50, 90, 20])
    shown = [one for one in browser.show(data, "PNG").pictures if one.background == "white"]
    assert [(one.frame, one.duration_us) for one in shown[1:]] == [
        (0, 50_000), (1, 90_000), (2, 20_000),
    ]  # fmt: skip


def test_the_browser_shows_nothing_of_what_is_no_image(browser: Browser) -> None:
    shown = browser.show(b"no image", "PNG")
    assert shown.pictures == ()
    assert shown.errors


def test_a_picture_that_was_overlooked_is_a_disagreement(browser: Browser) -> None:
    shown = browser.show(encoded(draw_picture(1, 160, 120), "PNG"), "PNG")
    other = read(encoded(draw_picture(2, 160, 120), "PNG"), "pdq")
    assert len(find_disagreements(other.hashes, shown.pictures)) == 2


@pytest.mark.parametrize("one", FORMATS, ids=[one.name for one in FORMATS])
def test_files_of_usual_features_are_shown_and_get_a_verdict(browser: Browser, one: object) -> None:
    assert isinstance(one, type(FORMATS[0]))
    usual = {name: values[0] for name, values in one.features.items()}
    data = one.write({**usual, "seed": 1})
    shown = browser.show(data, one.name)
    assert len(shown.pictures) == 2
    judgement = Checker().judge(data, shown)
    assert (judgement.refusal, judgement.disagreements) == ("", ())


def test_the_same_number_draws_the_same_files() -> None:
    for one in FORMATS:
        first, second = (one.draw(Random(7)) for _ in range(2))
        assert one.write(first) == one.write(second)
