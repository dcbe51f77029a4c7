"""The one flow fails closed: clear only after every check, matched only after the commit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch import open_scanner
from hashmatch.config import Settings
from hashmatch.errors import (
    InputError,
    LicenceExpiredError,
    NoActiveListError,
    StoreError,
    StoreReadOnlyError,
)
from hashmatch.hashers import ALGORITHMS, PDQHasher
from hashmatch.hashes import Hash, Level
from hashmatch.imaging import Intake, Reading
from hashmatch.match_listener import NewMatches
from hashmatch.outcome import Action, Clear, Failure, Matched, Reason
from hashmatch.store.engine import Database
from hashmatch.store.lists import disable_entries, remove_list, set_licence
from hashmatch.store.matches import FloodingEntry, read_daily_counts
from hashmatch.store.schema.matches import MatchRecord
from hashmatch.synthetic import draw_picture
from hashmatch.wiring import open_scanner_with
from tests.pictures import drawn, encoded, hashes_of, list_of, read
from tests.scanning import NOW, MakeScanner, recorded, unscreened
from tests.store.importing import import_text


def test_a_copy_is_matched_and_its_record_is_there(
    make_scanner: MakeScanner, database: Database
) -> None:
    outcome = make_scanner().scan(drawn(1, "PNG"), content_id="post/1", reference="s3://x")
    assert isinstance(outcome, Matched)
    (match,) = outcome.matches
    assert (match.list_name, match.entry_id, match.algorithm) == ("one", "e1", "pdq")
    assert (match.category, match.threshold_bits, match.generation) == ("A", 31, 1)
    assert match.distance_bits <= 8
    assert outcome.action is Action.BLOCK
    assert outcome.reason is None
    with database.reading() as session:
        assert session.scalars(select(MatchRecord.key)).one() == int(match.match_id)


def test_an_exact_copy_matches_by_every_algorithm_nearest_first(make_scanner: MakeScanner) -> None:
    outcome = make_scanner().scan(drawn(1), content_id="post/1")
    assert isinstance(outcome, Matched)
    assert {match.algorithm for match in outcome.matches} == {"pdq", "sha256"}
    assert [match.distance_bits for match in outcome.matches] == [0, 0]


def test_a_stranger_is_clear_and_only_counted(
    make_scanner: MakeScanner, database: Database
) -> None:
    with make_scanner() as scanner:
        outcome = scanner.scan(drawn(9), content_id="post/9")
    assert isinstance(outcome, Clear)
    assert {one.algorithm.name for one in outcome.hashes} == {"pdq", "sha256"}
    assert recorded(database) == 0
    with database.reading() as session:
        assert read_daily_counts(session, NOW.date(), NOW.date()) == {("clear", ""): 1}


def test_the_same_scan_again_gives_the_same_match(
    make_scanner: MakeScanner, database: Database
) -> None:
    scanner = make_scanner()
    first = scanner.scan(drawn(1), content_id="post/1")
    again = scanner.scan(drawn(1), content_id="post/1")
    other = scanner.scan(drawn(1), content_id="post/2")
    assert isinstance(first, Matched)
    assert isinstance(again, Matched)
    assert isinstance(other, Matched)
    assert first.matches == again.matches
    assert {one.match_id for one in first.matches}.isdisjoint(one.match_id for one in other.matches)
    assert recorded(database) == 4


class _Listener:
    """Listener that remembers the matches, or refuses them."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self.fails = False

    def on_new_matches(self, session: Session, recorded: Sequence[NewMatches]) -> None:
        if self.fails:
            raise StoreError("the listener failed")
        self.heard += [(one.content.content_id, len(one.matches)) for one in recorded]

    def on_flooding_entries(self, session: Session, entries: Sequence[FloodingEntry]) -> None:
        self.heard += [(f"flooding: {one.entry_id}", one.contents) for one in entries]


def test_listeners_are_notified_once_of_each_match_and_within_its_transaction(
    make_scanner: MakeScanner, database: Database
) -> None:
    listener = _Listener()
    scanner = make_scanner(listeners=[listener])
    for _ in range(2):
        assert isinstance(scanner.scan(drawn(1), content_id="post/1"), Matched)
    scanner.scan(drawn(9), content_id="post/9")
    assert listener.heard == [("post/1", 2)]
    listener.fails = True
    outcome = unscreened(scanner.scan(drawn(2), content_id="post/2"))
    assert outcome.reason is Reason.STORE_UNAVAILABLE
    assert recorded(database) == 2


def test_another_category_of_an_entry_does_not_make_another_match(
    make_scanner: MakeScanner, database: Database
) -> None:
    scanner = make_scanner()
    first = scanner.scan(drawn(1), content_id="post/1")
    import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256"), category="B"))
    again = scanner.scan(drawn(1), content_id="post/1")
    assert isinstance(first, Matched)
    assert isinstance(again, Matched)
    assert {one.match_id for one in first.matches} == {one.match_id for one in again.matches}
    assert {one.category for one in again.matches} == {"B"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"just text", Reason.UNSUPPORTED),
        (drawn(9)[:9000], Reason.TRUNCATED),
    ],
)
def test_an_image_that_was_not_seen_is_never_clear(
    make_scanner: MakeScanner, database: Database, data: bytes, reason: Reason
) -> None:
    with make_scanner() as scanner:
        outcome = unscreened(scanner.scan(data, content_id="x"))
    assert (outcome.reason, outcome.action) == (reason, Action.REVIEW)
    with database.reading() as session:
        assert read_daily_counts(session) == {("unscreened", reason.value): 1}


def test_a_damaged_file_that_is_listed_by_its_bytes_is_matched(
    make_scanner: MakeScanner, database: Database
) -> None:
    damaged = drawn(9)[:9000]
    value = read(damaged, "sha256").hashes[0].value.hex()
    import_text(database, "exact", f"algorithm,value,entry_id\nsha256,{value},broken\n")
    outcome = make_scanner().scan(damaged, content_id="x")
    assert isinstance(outcome, Matched)
    assert outcome.matches[0].entry_id == "broken"
    assert outcome.reason is Reason.TRUNCATED


def test_a_match_in_any_frame_is_found(make_scanner: MakeScanner) -> None:
    frames = [draw_picture(seed) for seed in (8, 9, 2)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    outcome = make_scanner().scan(data, content_id="x")
    assert isinstance(outcome, Matched)
    assert [(match.entry_id, match.frame) for match in outcome.matches] == [("e2", 2)]


def test_a_threshold_of_the_list_rejects_by_distance(make_scanner: MakeScanner) -> None:
    smaller = encoded(draw_picture(1).resize((320, 240)), "PNG")
    loose = make_scanner().scan(smaller, content_id="x")
    assert isinstance(loose, Matched)
    bits = loose.matches[0].distance_bits
    assert bits > 0
    limits = {"one": {"thresholds_bits": {"pdq": bits - 1}, "review_bits": {"pdq": 0}}}
    assert isinstance(make_scanner(lists=limits).scan(smaller, content_id="y"), Clear)


def test_the_strongest_action_of_all_matches_is_given(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(1, category="C"))
    lists = {"one": {"action": "allow"}, "two": {"action": "allow", "categories": {"C": "review"}}}
    outcome = make_scanner(lists=lists).scan(drawn(1), content_id="x")
    assert isinstance(outcome, Matched)
    assert outcome.action is Action.REVIEW
    assert len(outcome.matches) == 3


def test_a_picture_that_shows_too_little_is_not_clear(make_scanner: MakeScanner) -> None:
    plain = encoded(Image.new("RGB", (200, 200), (10, 200, 30)))
    assert unscreened(make_scanner().scan(plain, content_id="x")).reason is Reason.LOW_QUALITY
    assert isinstance(make_scanner(low_quality="clear").scan(plain, content_id="x"), Clear)


def test_a_plain_picture_matches_no_plain_entry(
    make_scanner: MakeScanner, database: Database
) -> None:
    """Pictures of nothing are all alike: that is what the quality gate is for."""
    picture = Image.new("RGB", (320, 240), "white")
    plain, value = encoded(picture), PDQHasher().hash_pixels(picture).value
    imported = import_text(
        database, "flood", f"algorithm,value,entry_id\npdq,{value.hex()},blank\n"
    )
    assert (imported.rows, imported.degenerate) == (1, {})
    assert unscreened(make_scanner().scan(plain, content_id="x")).reason is Reason.LOW_QUALITY


def test_without_any_list_nothing_is_clear(make_scanner: MakeScanner, database: Database) -> None:
    scanner = make_scanner()
    scanner.require_lists()
    with database.writing() as session:
        remove_list(session, "one")
    assert unscreened(scanner.scan(drawn(9), content_id="x")).reason is Reason.NO_ACTIVE_LIST
    with pytest.raises(NoActiveListError) as caught:
        scanner.require_lists()
    assert "hashmatch lists import" in caught.value.hint


def test_a_list_without_entries_is_no_list(make_scanner: MakeScanner, database: Database) -> None:
    scanner = make_scanner()
    with database.writing() as session:
        disable_entries(session, "one", ["e1", "e2"])
    assert unscreened(scanner.scan(drawn(9), content_id="x")).reason is Reason.NO_ACTIVE_LIST


def test_an_expired_list_stops_the_scan(make_scanner: MakeScanner, database: Database) -> None:
    scanner = make_scanner()
    with database.writing() as session:
        set_licence(session, "one", licensor=None, end=date(2026, 6, 30))
    outcome = unscreened(scanner.scan(drawn(1), content_id="x"))
    assert outcome.reason is Reason.LICENCE_EXPIRED
    with pytest.raises(LicenceExpiredError, match="one"):
        scanner.require_lists()
    with database.writing() as session:
        set_licence(session, "one", licensor=None, end=NOW.date())
    assert isinstance(scanner.scan(drawn(1), content_id="x"), Matched)


def test_alongside_an_expired_list_others_still_match_but_nothing_is_clear(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "old", list_of(3))
    with database.writing() as session:
        set_licence(session, "old", licensor=None, end=date(2020, 1, 1))
    scanner = make_scanner()
    assert isinstance(scanner.scan(drawn(1), content_id="x"), Matched)
    for seed in (3, 9):
        outcome = unscreened(scanner.scan(drawn(seed), content_id="x"))
        assert outcome.reason is Reason.LICENCE_EXPIRED


class _Returns(Intake):
    """Intake that returns a given reading."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        return self._reading


def test_lookups_under_one_content_id_keep_their_own_evidence(
    make_scanner: MakeScanner, database: Database
) -> None:
    scanner = make_scanner()
    values = [hashes_of(seed, "pdq")["pdq"] for seed in (1, 2)]
    for one in values:
        scanner.lookup([one], content_id="post/1")
    scanner.lookup(values, content_id="post/2")
    with database.reading() as session:
        recorded = session.scalars(select(MatchRecord.value).order_by(MatchRecord.key)).all()
    assert recorded[:2] == [one.value for one in values]
    assert set(recorded[2:]) == {one.value for one in values}


@pytest.mark.parametrize("reason", Reason)
def test_no_failure_of_the_intake_is_ever_clear(make_scanner: MakeScanner, reason: Reason) -> None:
    scanner = make_scanner(_Returns(Reading(None, (), Failure(reason, "because"))))
    assert unscreened(scanner.scan(b"x", content_id="x")).reason is reason


def test_a_reading_that_lacks_a_hash_is_never_clear(make_scanner: MakeScanner) -> None:
    full = read(drawn(9), "pdq", "sha256")
    assert isinstance(make_scanner(_Returns(full)).scan(b"x", content_id="x"), Clear)
    for names in ({"pdq"}, {"sha256"}, set[str]()):
        hashes = tuple(one for one in full.hashes if one.algorithm.name in names)
        outcome = make_scanner(_Returns(replace(full, hashes=hashes))).scan(b"x", content_id="x")
        assert unscreened(outcome).reason is Reason.DECODER_CRASHED


def test_what_is_no_image_is_clear_by_its_bytes_alone_only_where_that_is_asked_for(
    make_scanner: MakeScanner, database: Database
) -> None:
    svg, listed = (b"<svg xmlns='http://www.w3.org/2000/svg' id='%d'/>" % one for one in (1, 2))
    import_text(database, "bytes", f"algorithm,value\nmd5,{hashlib.md5(listed).hexdigest()}\n")
    scanner = make_scanner()
    assert unscreened(scanner.scan(svg, content_id="a")).reason is Reason.UNSUPPORTED
    assert isinstance(scanner.scan_video(svg, content_id="a"), Clear)
    assert isinstance(scanner.scan_video(listed, content_id="b"), Matched)


def test_hashes_computed_elsewhere_match(make_scanner: MakeScanner) -> None:
    scanner = make_scanner()
    outcome = scanner.lookup([hashes_of(1, "pdq")["pdq"]], content_id="post/1")
    assert isinstance(outcome, Matched)
    assert isinstance(scanner.lookup([hashes_of(9, "pdq")["pdq"]], content_id="post/9"), Clear)


def test_a_hash_of_an_algorithm_that_no_list_holds_is_never_clear(
    make_scanner: MakeScanner,
) -> None:
    scanner = make_scanner()
    for hashes in ([Hash(ALGORITHMS["md5"], bytes(16))], []):
        outcome = unscreened(scanner.lookup(hashes, content_id="x"))
        assert outcome.reason is Reason.NO_ACTIVE_LIST


def test_a_file_is_known_by_its_path(make_scanner: MakeScanner, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(drawn(1))
    assert make_scanner().scan_file(path).content_id == str(path)
    assert make_scanner().scan_file(path, content_id="post/1").content_id == "post/1"
    outcome = unscreened(make_scanner().scan_file(tmp_path / "gone"))
    assert (outcome.reason, outcome.detail) == (Reason.UNREADABLE, "no such file or directory")


@pytest.mark.parametrize("content_id", ["", "half\ud800", "zero\0"])
def test_a_content_id_has_to_be_text(make_scanner: MakeScanner, content_id: str) -> None:
    with pytest.raises(InputError, match="content id"):
        make_scanner().scan(drawn(1), content_id=content_id)


@pytest.mark.sqlite
def test_open_scanner_is_the_door_for_python(
    tmp_path: Path, settings: Settings, database: Database
) -> None:
    config = tmp_path / "hashmatch.toml"
    config.write_text(f'data_dir = "data"\ndatabase.url = "{settings.database_url}"\n')
    with pytest.raises(NoActiveListError):
        open_scanner(config)
    import_text(database, "one", list_of(1))
    with open_scanner(str(config)) as scanner:
        assert isinstance(scanner.scan(drawn(1), content_id="post/1"), Matched)


@pytest.mark.sqlite
def test_a_scanner_is_not_opened_over_a_store_that_cannot_record(
    settings: Settings, database: Database
) -> None:
    import_text(database, "one", list_of(1))
    database.close()
    url = f"sqlite:///file:{settings.data_dir}/hashmatch.db?mode=ro&uri=true"
    with pytest.raises(StoreReadOnlyError):
        open_scanner_with(Settings.model_validate({"database": {"url": url}}))
