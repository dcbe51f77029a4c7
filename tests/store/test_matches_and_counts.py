"""Matches are recorded once; images that did not match are only counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from hashmatch.errors import InputError, NotFoundError, StoreError, UnknownListError
from hashmatch.outcome import Action, Media
from hashmatch.store.engine import Database
from hashmatch.store.lists import disable_entries, remove_list, set_licence
from hashmatch.store.matches import (
    ContentFacts,
    MatchFilter,
    NewItem,
    NewMatch,
    Tally,
    read_content_hashes,
    read_daily_counts,
    read_entry_history,
    read_match,
    read_matches,
    record_items,
)
from hashmatch.store.schema.lists import Entry
from hashmatch.store.schema.matches import Content, MatchRecord
from tests.pictures import hashes_of, list_of
from tests.store.importing import DatabaseFactory, import_text
from tests.store.locking import somebody_writes


def _facts(content_id: str = "post/1", sha256: bytes = b"x" * 32) -> ContentFacts:
    hashes = list(hashes_of(1, "pdq", "sha256").values())
    return ContentFacts(content_id, "s3://there/1", sha256, Media("JPEG", 640, 480, 1), hashes)


def _new(entry_key: int = 1) -> NewMatch:
    return NewMatch(
        list_key=1,
        list_name="one",
        licensor="IWF",
        generation=1,
        entry_key=entry_key,
        entry_id=f"e{entry_key}",
        category="A",
        action=Action.BLOCK,
        found=hashes_of(1, "pdq")["pdq"],
        distance_bits=4,
        threshold_bits=31,
    )


@pytest.fixture
def filled(database: Database) -> Database:
    import_text(database, "one", list_of(1, 2))
    return database


def _record(database: Database, facts: ContentFacts, *new: NewMatch) -> list[str]:
    with database.writing() as session:
        (recorded,) = record_items(session, [NewItem(facts, new)])
        return [match.match_id for match, _ in recorded.matches]


def test_the_same_content_matches_the_same_entry_once(filled: Database) -> None:
    first = _record(filled, _facts(), _new(1))
    assert _record(filled, _facts(), _new(1)) == first
    assert _record(filled, _facts(), _new(2), _new(1)) == ["2", *first]
    with filled.reading() as session:
        assert session.scalar(select(func.count()).select_from(MatchRecord)) == 2
        assert session.scalar(select(func.count()).select_from(Content)) == 1


def test_a_match_that_is_found_again_is_returned_as_it_is_on_record(filled: Database) -> None:
    _record(filled, _facts(), _new(1))
    with filled.writing() as session:
        item = NewItem(_facts(), [replace(_new(1), generation=7)])
        ((again, is_new),) = record_items(session, [item])[0].matches
    assert (again.generation, is_new) == (1, False)


def test_other_bytes_under_the_same_content_id_are_another_match(filled: Database) -> None:
    assert _record(filled, _facts(), _new()) != _record(filled, _facts(sha256=b"y" * 32), _new())


def test_a_match_holds_everything_that_explains_it(filled: Database) -> None:
    (match_id,) = _record(filled, _facts(), _new())
    with filled.reading() as session:
        stored = read_match(session, match_id)
        hashes = read_content_hashes(session, stored.content.key)
    record, content = stored.record, stored.content
    assert (stored.list.name, record.generation, record.entry_id) == ("one", 1, "e1")
    assert (record.algorithm, record.hasher_version, record.quality) == ("pdq", "1", 100)
    assert (record.distance_bits, record.threshold_bits) == (4, 31)
    assert (content.content_id, content.reference) == ("post/1", "s3://there/1")
    assert {one.algorithm for one in hashes} == {"pdq", "sha256"}


@pytest.mark.parametrize("match_id", ["7", "", "x", "-1", "1; DROP TABLE matches", "9" * 30, "²"])
def test_an_unknown_match_is_not_found(filled: Database, match_id: str) -> None:
    with filled.reading() as session, pytest.raises(NotFoundError):
        read_match(session, match_id)


def test_matches_are_read_by_period_and_list(filled: Database) -> None:
    import_text(filled, "two", list_of(1))
    _record(filled, _facts(), _new(1), _new(2))
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    with filled.writing() as session:
        first = update(MatchRecord).where(MatchRecord.key == 1)
        session.execute(first.values(matched_at=noon))
    hour = timedelta(hours=1)
    for wanted, expected in (
        (MatchFilter(), [1, 2]),
        (MatchFilter(since=noon, until=noon + hour), [1]),
        (MatchFilter(until=noon), []),
        (MatchFilter(since=noon + hour), [2]),
        (MatchFilter(list_name="two"), []),
        (MatchFilter(limit=1), [2]),
    ):
        with filled.reading() as session:
            assert [one.record.key for one in read_matches(session, wanted)] == expected


def test_a_filter_that_makes_no_sense_is_refused(filled: Database) -> None:
    with filled.reading() as session, pytest.raises(UnknownListError):
        list(read_matches(session, MatchFilter(list_name="other")))
    with pytest.raises(InputError, match="ends before"):
        MatchFilter(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


def test_a_match_keeps_the_licensor_of_its_day(filled: Database) -> None:
    (match_id,) = _record(filled, _facts(), _new())
    with filled.writing() as session:
        set_licence(session, "one", licensor="somebody else", end=None)
    with filled.reading() as session:
        assert read_match(session, match_id).record.licensor == "IWF"


def test_the_history_of_the_entry_is_shown(filled: Database) -> None:
    with filled.reading() as session:
        key = session.scalars(select(Entry.key).where(Entry.entry_id == "e1")).one()
    (match_id,) = _record(filled, _facts(), _new(key))
    for change, expected in (
        (lambda session: None, "active"),
        (
            lambda session: disable_entries(session, "one", ["e1"]),
            "disabled in generation 2",
        ),
        (lambda session: remove_list(session, "one"), "deleted with its list"),
    ):
        with filled.writing() as session:
            change(session)
        with filled.reading() as session:
            stored = read_match(session, match_id)
            assert read_entry_history(session, stored)["entry_now"] == expected


def test_no_key_is_given_twice_after_a_removal(filled: Database) -> None:
    with filled.writing() as session:
        keys = set(session.scalars(select(Entry.key)))
        session.query(Entry).delete()
    import_text(filled, "two", list_of(1, 2))
    with filled.reading() as session:
        assert keys.isdisjoint(session.scalars(select(Entry.key)))


DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 3))
EVENTS = st.lists(st.tuples(DAYS, st.sampled_from(["", "empty", "truncated"])), max_size=30)


@settings(max_examples=15)
@given(events=EVENTS)
def test_counts_add_up_in_any_order(
    events: list[tuple[date, str]], database_factory: DatabaseFactory
) -> None:
    with database_factory() as database:
        for half in (events[::2], events[1::2]):
            tally = Tally(database)
            for day, reason in half:
                tally.add(day, "unscreened" if reason else "clear", reason)
            tally.flush()
        with database.reading() as session:
            counts = read_daily_counts(session, date(2026, 1, 2), date(2026, 1, 3))
    later = [reason for day, reason in events if day > date(2026, 1, 1)]
    assert sum(counts.values()) == len(later)
    assert counts.get(("clear", ""), 0) == later.count("")


def test_counts_that_could_not_be_written_are_written_later(database: Database) -> None:
    tally = Tally(database)
    tally.add(date(2026, 1, 1), "clear")
    with somebody_writes(database), pytest.raises(StoreError):
        tally.flush()
    tally.flush()
    tally.flush()
    with database.reading() as session:
        assert read_daily_counts(session) == {("clear", ""): 1}
