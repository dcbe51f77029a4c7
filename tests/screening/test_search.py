"""The one flow at each level of search: altered copies match, and little is stored of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter
from sqlalchemy import select

from hashmatch.hashes import SEARCH_VIEWS, Hash, Level, View
from hashmatch.outcome import Clear, Matched, Reason
from hashmatch.screening.request import LookupHashes
from hashmatch.store.engine import Database
from hashmatch.store.matches import read_content_hashes
from hashmatch.store.schema.matches import ContentHash, MatchRecord
from hashmatch.synthetic import draw_picture
from tests.imaging.views.altered import ALTERATIONS, as_file, screenshot
from tests.oracle import distance_bits
from tests.pictures import drawn, encoded, hashes_of, list_of, read
from tests.scanning import MakeScanner, unscreened
from tests.store.importing import import_text


def _pdq(seed: int) -> bytes:
    return hashes_of(seed, "pdq")["pdq"].value


def _both() -> bytes:
    """Return a collage of the listed drawings 1 and 2 and two strangers."""
    sheet = Image.new("RGB", (960, 720))
    for place, seed in enumerate((1, 8, 9, 2)):
        part = draw_picture(seed).resize((480, 360))
        sheet.paste(part, (place % 2 * 480, place // 2 * 360))
    return as_file(sheet)


@pytest.mark.sqlite
@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_copy_matches_unless_only_plain_copies_are_wanted(
    make_scanner: MakeScanner, alteration: str
) -> None:
    scanner, data = make_scanner(), as_file(ALTERATIONS[alteration](1))
    outcome = scanner.scan(data, content_id="x")
    assert isinstance(outcome, Matched)
    (match,) = outcome.matches
    assert (match.entry_id, match.algorithm) == ("e1", "pdq")
    assert match.view in SEARCH_VIEWS
    assert match.distance_bits <= match.threshold_bits == 31
    assert isinstance(scanner.scan(data, content_id="x", level=Level.PLAIN), Clear)
    stranger = as_file(ALTERATIONS[alteration](9))
    for level in Level:
        assert isinstance(scanner.scan(stranger, content_id="y", level=level), Clear)


@pytest.mark.sqlite
def test_the_level_of_the_configuration_counts_where_none_is_asked_for(
    make_scanner: MakeScanner,
) -> None:
    scanner, data = make_scanner(level="plain"), as_file(screenshot(1))
    assert isinstance(scanner.scan(data, content_id="x"), Clear)
    assert isinstance(scanner.scan(data, content_id="x", level=Level.STANDARD), Matched)
    assert isinstance(scanner.scan(data, content_id="x", level=Level.THOROUGH), Matched)


def test_of_search_views_only_those_that_matched_are_stored(
    make_scanner: MakeScanner, database: Database
) -> None:
    """Two parts of one file match, each by a value of its own."""
    outcome = make_scanner().scan(_both(), content_id="x")
    assert isinstance(outcome, Matched)
    values = {one.value for one in outcome.hashes if one.view is View.PART}
    assert len(values) > 2
    with database.reading() as session:
        records = session.scalars(select(MatchRecord).order_by(MatchRecord.entry_id)).all()
        hashes = read_content_hashes(session, records[0].content_key)
    assert [(one.entry_id, one.view) for one in records] == [("e1", "part"), ("e2", "part")]
    assert {one.value for one in records} < values
    for record, seed in zip(records, (1, 2), strict=True):
        assert distance_bits(record.value, _pdq(seed)) == record.distance_bits
    assert {(one.algorithm, one.view) for one in hashes} == {("pdq", "full"), ("sha256", "full")}


def test_a_wider_search_of_the_same_file_adds_matches_and_no_hashes(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "whole", _list(*read(_both(), "sha256").hashes))
    scanner = make_scanner()
    stored = []
    for level, matches in ((Level.PLAIN, 1), (Level.STANDARD, 3), (Level.THOROUGH, 3)):
        outcome = scanner.scan(_both(), content_id="x", level=level)
        assert isinstance(outcome, Matched)
        assert len(outcome.matches) == matches
        with database.reading() as session:
            stored.append(len(session.scalars(select(ContentHash)).all()))
    assert stored == [2, 2, 2]


def _blurred_with_patch(seed: int) -> bytes:
    """Return a picture that shows too little as a whole, with a small rich one in it."""
    width, height = 640, 480
    slope = np.linspace(100, 112, width)[None, :] + np.zeros((height, 1))
    picture = Image.fromarray(slope.astype(np.uint8)).convert("RGB")
    picture = picture.filter(ImageFilter.GaussianBlur(9))
    picture.paste(draw_picture(seed).resize((120, 90)), (260, 200))
    return encoded(picture)


@pytest.mark.sqlite
def test_a_rich_part_excuses_no_whole_of_low_quality(make_scanner: MakeScanner) -> None:
    scanner = make_scanner(min_quality={"pdq": 60})
    data = _blurred_with_patch(9)
    outcome = unscreened(scanner.scan(data, content_id="x"))
    assert outcome.reason is Reason.LOW_QUALITY
    compared = [one for one in outcome.hashes if (one.best_quality or 0) >= 60]
    assert {one.view for one in compared} & SEARCH_VIEWS
    assert isinstance(scanner.scan(_blurred_with_patch(1), content_id="y"), Matched)


@pytest.mark.sqlite
def test_views_of_low_quality_leave_a_rich_picture_clear(make_scanner: MakeScanner) -> None:
    """A plain part of a screenshot shows nothing, which viewers do not show by itself."""
    screen = screenshot(9)
    screen.paste(Image.new("RGB", (480, 120), "navy"), (0, 80))
    outcome = make_scanner().scan(as_file(screen), content_id="x")
    assert isinstance(outcome, Clear)
    assert any((one.best_quality or 0) < 50 for one in outcome.hashes if one.view in SEARCH_VIEWS)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("data", "suffice"),
    [
        (drawn(1), True),
        (drawn(1, "PNG"), True),
        (drawn(9), True),
        (as_file(screenshot(9)), True),
        *((as_file(make(1)), False) for make in ALTERATIONS.values()),
    ],
)
def test_plain_hashes_suffice_for_a_lookup_only_where_they_find_what_the_search_does(
    make_scanner: MakeScanner, data: bytes, *, suffice: bool
) -> None:
    scanner = make_scanner()
    found = scanner.hash_for_lookup(data, {"pdq", "sha256"})
    assert isinstance(found, LookupHashes)
    assert found.suffice is suffice
    assert {one.view for one in found.hashes} == {View.FULL}
    by_hashes = scanner.lookup(found.hashes, content_id="x")
    by_file = scanner.scan(data, content_id="x")
    assert suffice is (isinstance(by_hashes, Matched) == isinstance(by_file, Matched))


def test_a_list_that_the_search_alone_finds_is_missed_by_no_other_list(
    make_scanner: MakeScanner, database: Database
) -> None:
    """The screenshot itself is on one list, and the picture in it on another."""
    data = as_file(screenshot(1))
    scanner = make_scanner()
    whole = scanner.hash_for_lookup(data, {"pdq"})
    assert isinstance(whole, LookupHashes)
    import_text(database, "screens", _list(whole.hashes[0]))
    both = make_scanner().hash_for_lookup(data, {"pdq"})
    assert isinstance(both, LookupHashes)
    assert not both.suffice
    import_text(database, "one", list_of(3), withdraw_missing=True)
    alone = make_scanner().hash_for_lookup(data, {"pdq"})
    assert isinstance(alone, LookupHashes)
    assert alone.suffice


def _list(one: Hash) -> str:
    return f"algorithm,value\n{one.algorithm.name},{one.value.hex()}\n"
