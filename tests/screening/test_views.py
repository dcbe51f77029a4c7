"""The one flow where a file shows more than one picture, or less than a complete one."""

from __future__ import annotations

from PIL import Image
from sqlalchemy import select

from hashmatch.hashes import View
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
    full, on_black = (one for one in outcome.hashes if one.algorithm.name == "pdq")
    assert (full.quality, on_black.view) == (0, View.ON_BLACK)


def test_a_plain_frame_among_others_is_not_clear(make_scanner: MakeScanner) -> None:
    plain = Image.new("RGB", (320, 240), "navy")
    for frames in ([plain, draw_picture(9, 320, 240)], [draw_picture(9, 320, 240), plain]):
        data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
        outcome = unscreened(make_scanner().scan(data, content_id="x"))
        assert outcome.reason is Reason.LOW_QUALITY


def test_an_embedded_plain_picture_hides_nothing(
    make_scanner: MakeScanner,
) -> None:
    plain = Image.new("RGB", (320, 240), "navy")
    pair = encoded(draw_picture(9), "MPO", save_all=True, append_images=[plain])
    assert isinstance(make_scanner().scan(pair, content_id="x"), Clear)
