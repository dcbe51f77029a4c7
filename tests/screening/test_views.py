"""The one flow where a file shows more than one picture, or less than a complete one."""

from __future__ import annotations

import numpy as np
from PIL import Image
from sqlalchemy import select

from hashmatch.hashes import Detail, View
from hashmatch.outcome import Clear, Matched, Reason
from hashmatch.store.engine import Database
from hashmatch.store.schema.matches import MatchRecord
from hashmatch.synthetic import draw_picture
from tests.pictures import drawn, encoded, read
from tests.scanning import MakeScanner, unscreened
from tests.store.importing import import_text


def test_a_match_within_borders_says_so(make_scanner: MakeScanner, database: Database) -> None:
    framed = Image.new("RGB", (640, 800), "black")
    framed.paste(draw_picture(2), (0, 160))
    outcome = make_scanner().scan(encoded(framed, "PNG"), content_id="x")
    assert isinstance(outcome, Matched)
    assert [(match.entry_id, match.view) for match in outcome.matches] == [("e2", View.INNER)]
    with database.reading() as session:
        assert session.scalars(select(MatchRecord.view)).all() == ["inner"]


def test_a_match_over_black_is_found(make_scanner: MakeScanner, database: Database) -> None:
    picture = draw_picture(1).convert("RGBA")
    picture.paste((0, 0, 0, 0), (100, 100, 400, 400))
    black = draw_picture(1)
    black.paste("black", (100, 100, 400, 400))
    (one,) = read(encoded(black, "PNG"), "pdq").hashes
    import_text(database, "two", f"algorithm,value,entry_id\npdq,{one.value.hex()},hole\n")
    outcome = make_scanner().scan(encoded(picture, "PNG"), content_id="x")
    assert isinstance(outcome, Matched)
    assert [(match.entry_id, match.view) for match in outcome.matches] == [("hole", View.ON_BLACK)]


def test_a_truncated_file_is_matched_but_never_clear(make_scanner: MakeScanner) -> None:
    for seed in (1, 9):
        data = drawn(seed, "JPEG", progressive=True)
        outcome = make_scanner().scan(data[: len(data) // 2], content_id="x")
        assert not isinstance(outcome, Clear)
        assert outcome.reason is Reason.TRUNCATED
        assert isinstance(outcome, Matched) == (seed == 1)


def test_a_frame_that_shows_enough_in_one_view_has_been_compared(make_scanner: MakeScanner) -> None:
    white = Image.new("RGBA", (640, 480), "white")
    white.putalpha(draw_picture(9).convert("L"))
    outcome = make_scanner().scan(encoded(white, "PNG"), content_id="x")
    assert isinstance(outcome, Clear)
    (full,) = [
        one for one in outcome.hashes if one.algorithm.name == "pdq" and one.view is View.FULL
    ]
    assert full.quality == 0
    assert View.ON_BLACK in {one.view for one in outcome.hashes}


def test_a_plain_frame_among_others_hides_nothing(make_scanner: MakeScanner) -> None:
    plain = Image.new("RGB", (320, 240), "navy")
    for frames in ([plain, draw_picture(9, 320, 240)], [draw_picture(9, 320, 240), plain]):
        data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
        assert isinstance(make_scanner().scan(data, content_id="x"), Clear)


def _faint(seed: int, levels: int) -> Image.Image:
    """Return a drawing in a few of the lightest greys, of low quality by the reference."""
    grey = np.asarray(draw_picture(seed).convert("L")).astype(float)
    squeezed = 255 - levels + grey / 255 * levels
    return Image.fromarray(squeezed.round().astype(np.uint8)).convert("RGB")


def test_a_faint_copy_matches(make_scanner: MakeScanner) -> None:
    outcome = make_scanner().scan(encoded(_faint(1, 25), "PNG"), content_id="x")
    assert isinstance(outcome, Matched)
    assert isinstance(make_scanner().scan(encoded(_faint(9, 25), "PNG"), content_id="x"), Clear)


def test_a_picture_of_too_few_levels_is_not_clear(make_scanner: MakeScanner) -> None:
    outcome = unscreened(make_scanner().scan(encoded(_faint(9, 2), "PNG"), content_id="x"))
    assert outcome.reason is Reason.LOW_QUALITY


def test_a_small_rich_patch_does_not_excuse_a_faint_picture(make_scanner: MakeScanner) -> None:
    """The faint picture looks like a border, and the patch alone is compared within it."""
    picture = _faint(1, 25)
    picture.paste(draw_picture(9).resize((56, 56)), (200, 200))
    outcome = make_scanner().scan(encoded(picture, "PNG"), content_id="x")
    assert not isinstance(outcome, Clear)


def test_a_rich_rendering_does_not_excuse_a_faint_one(make_scanner: MakeScanner) -> None:
    """Over white the listed picture shows faintly; over black it is hidden by squares."""
    picture = _faint(1, 25).convert("RGBA")
    random = np.random.default_rng(1)
    for left, top in random.integers(0, 470, (400, 2)):
        picture.paste((255, 255, 255, 0), (left, top, left + 5, top + 5))
    outcome = make_scanner().scan(encoded(picture, "PNG"), content_id="x")
    assert isinstance(outcome, Matched)


def test_a_rich_inner_view_does_not_excuse_the_whole(make_scanner: MakeScanner) -> None:
    """What is around the inner view is a picture, too, only a faint one."""
    picture = _faint(1, 35)
    picture.paste(draw_picture(9).resize((320, 240)), (160, 120))
    outcome = make_scanner().scan(encoded(picture, "PNG"), content_id="x")
    inner = [one for one in outcome.hashes if one.view is View.INNER]
    assert all(one.detail is not Detail.INSIDE for one in inner)


def test_a_letterbox_is_judged_by_its_inner_view(make_scanner: MakeScanner) -> None:
    small = Image.new("RGB", (640, 480), "black")
    small.paste(draw_picture(9).resize((160, 120)), (240, 180))
    outcome = make_scanner().scan(encoded(small, "JPEG", quality=70), content_id="x")
    assert isinstance(outcome, Clear)
    assert [one.detail for one in outcome.hashes if one.view is View.FULL][1:] == [Detail.INSIDE]


def test_an_embedded_plain_picture_hides_nothing(
    make_scanner: MakeScanner,
) -> None:
    plain = Image.new("RGB", (320, 240), "navy")
    pair = encoded(draw_picture(9), "MPO", save_all=True, append_images=[plain])
    assert isinstance(make_scanner().scan(pair, content_id="x"), Clear)
