"""One item is one case: look-ups by several hashes, other bytes, and cases that were merged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from hashmatch.audit import verify
from hashmatch.cases import CaseAction, CaseOpener, State, apply_retention, hold, view_case
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.outcome import Matched
from hashmatch.reports import case_rows
from hashmatch.screening import Query, Scanner
from hashmatch.store.cases import CaseFilter
from hashmatch.store.engine import Database
from hashmatch.store.migrations import downgrade, upgrade
from hashmatch.store.queue import read_cases, read_cases_by_opening
from hashmatch.store.schema import (
    Base,
    Case,
    Content,
    MatchRecord,
    NCMECReport,
    UploaderDetails,
    utc_now,
)
from tests.cases.making import ADMINISTRATOR, act, make_match, row_of, settings_with, state_of
from tests.pictures import drawn, hashes_of, list_of
from tests.scanning import MakeScanner
from tests.store.importing import import_text

_HASHES = ("md5", "sha1", "pdq")
_DECIDED = {
    State.CONFIRMED: (CaseAction.CONFIRM,),
    State.FALSE_POSITIVE: (CaseAction.DISMISS,),
    State.REPORTED: (CaseAction.CONFIRM, CaseAction.REPORTED),
    State.CLOSED: (CaseAction.CONFIRM, CaseAction.REPORTED, CaseAction.CLOSE),
}


@pytest.fixture
def scanner(make_scanner: MakeScanner, database: Database) -> Scanner:
    """A scanner over a list with three hashes of each of two drawings."""
    scanner = make_scanner(listeners=[CaseOpener(Settings().cases)])
    import_text(database, "one", list_of(1, 2, algorithms=_HASHES))
    return scanner


def _cases(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(select(Case.key).order_by(Case.key)))


def _decide(database: Database, case: int, state: State) -> None:
    for action in _DECIDED[state]:
        act(database, case, action)
    assert state_of(database, case) is state


def test_hashes_of_one_picture_and_then_its_file_make_one_case(
    scanner: Scanner, database: Database
) -> None:
    for name in _HASHES:
        scanner.lookup([hashes_of(1, name)[name]], content_id="post/1")
    scanner.scan(drawn(1), content_id="post/1")
    (case,) = _cases(database)
    with database.reading() as session:
        facts = view_case(session, case)
        row = next(case_rows(session, read_cases_by_opening(session, CaseFilter())))
        (found,) = read_cases(session, CaseFilter(list_name="one", entry_id="e1"))
    assert [one["format"] for one in facts["evidence"]] == ["", "", "", "JPEG"]
    file = facts["evidence"][3]["evidence"]
    of_file = [one for one in facts["matches"] if one["evidence"] == file]
    assert {one["algorithm"] for one in of_file} == set(_HASHES)
    assert len(facts["matches"]) == row.matches == 6
    assert found.row.key == case
    assert row_of(database, case).newest_match == 6


def test_queries_of_one_request_and_content_id_are_of_one_case(
    scanner: Scanner, database: Database
) -> None:
    hashes = [hashes_of(1, name)[name] for name in _HASHES]
    scanner.lookup_many([Query((one,), "post/1") for one in hashes])
    assert len(_cases(database)) == 1


@pytest.mark.sqlite
@pytest.mark.parametrize("state", [State.CONFIRMED, State.REPORTED, State.CLOSED])
def test_more_of_what_was_decided_opens_nothing_again(
    scanner: Scanner, database: Database, state: State
) -> None:
    scanner.lookup([hashes_of(1, "md5")["md5"]], content_id="post/1")
    (case,) = _cases(database)
    _decide(database, case, state)
    # Exact hashes of one entry are of one file, and the file has the hash that was looked up.
    scanner.lookup([hashes_of(1, "sha1")["sha1"]], content_id="post/1")
    assert state_of(database, case) is state
    scanner.scan(drawn(1), content_id="post/1")
    assert state_of(database, case) is state
    scanner.lookup([hashes_of(1, "pdq")["pdq"]], content_id="post/1")
    assert (state_of(database, case), row_of(database, case).reopened) == (state, 0)


@pytest.mark.sqlite
def test_what_was_dismissed_without_its_bytes_is_looked_at_again_with_them(
    scanner: Scanner, database: Database
) -> None:
    """Files that share an MD5 or a PDQ hash can be made on purpose."""
    scanner.lookup([hashes_of(1, "md5")["md5"]], content_id="post/1")
    (case,) = _cases(database)
    _decide(database, case, State.FALSE_POSITIVE)
    scanner.scan(drawn(1), content_id="post/1")
    assert state_of(database, case) is State.OPEN
    _decide(database, case, State.FALSE_POSITIVE)
    # A look-up has no bytes: it is as much of the file as anybody can tell.
    scanner.lookup([hashes_of(1, "pdq")["pdq"]], content_id="post/1")
    assert state_of(database, case) is State.FALSE_POSITIVE


@pytest.mark.sqlite
@pytest.mark.parametrize("state", list(_DECIDED))
def test_other_bytes_under_the_id_open_a_decided_case_again(
    scanner: Scanner, database: Database, state: State
) -> None:
    scanner.scan(drawn(1), content_id="post/1")
    (case,) = _cases(database)
    _decide(database, case, state)
    # The same picture to the eye, and so of the same entry.
    scanner.scan(drawn(1, "PNG"), content_id="post/1")
    row = row_of(database, case)
    assert (row.state, row.reopened, row.decided_at) == (State.OPEN, 1, None)
    assert row.due_at > utc_now()
    assert _cases(database) == [case]
    with database.reading() as session:
        history = view_case(session, case)["history"]
        assert verify(session, {}).is_intact
    assert history[-1]["what"] == "case.content"
    assert (history[-1]["from"], history[-1]["to"]) == (state, State.OPEN)


@pytest.mark.sqlite
def test_another_entry_under_the_id_opens_what_was_dismissed(
    scanner: Scanner, database: Database
) -> None:
    scanner.scan(drawn(1), content_id="post/1")
    (case,) = _cases(database)
    _decide(database, case, State.FALSE_POSITIVE)
    import_text(database, "two", list_of(1))
    scanner.scan(drawn(1), content_id="post/1")
    assert state_of(database, case) is State.OPEN


def test_retention_removes_a_case_with_all_its_bytes(listed: Database, settings: Settings) -> None:
    case = make_match(listed, "post/1", entries=(1, 2), data=b"a")
    for data in (b"b", b"c"):
        assert make_match(listed, "post/1", entries=(1,), data=data) == case
    kept = make_match(listed, "post/2")
    act(listed, case, CaseAction.DISMISS)
    act(listed, case, CaseAction.CLOSE)
    with listed.writing() as session:
        past = utc_now() - timedelta(days=40)
        session.execute(update(Case).where(Case.key == case).values(changed_at=past))
    apply_retention(listed, settings_with(settings, retention={"closed_days": 30}), dry_run=False)
    assert _cases(listed) == [kept]
    with listed.reading() as session:
        assert session.scalars(select(Content.content_id)).all() == ["post/2"]
        assert session.scalar(select(func.count()).select_from(MatchRecord)) == 1
        assert verify(session, {}).is_intact


def _merge(database: Database, before: Callable[[int, int], None]) -> tuple[int, int]:
    """Make two cases of one content id in an older schema, and merge them; returns both keys."""
    first = make_match(database, "post/1", entries=(1,), data=b"a")
    make_match(database, "post/1", entries=(2,), data=b"b")
    make_match(database, "post/2")
    downgrade(database, "0023")
    with database.reading() as session:
        second = session.scalar(text("SELECT max(key) FROM cases")) or 0
        assert session.scalar(text("SELECT count(*) FROM cases")) == 3
    before(first, second)
    upgrade(database)
    return first, second


def _set(database: Database, **states: str) -> Callable[[int, int], None]:
    """Return what sets the states of two cases in an older schema."""

    def change(first: int, second: int) -> None:
        with database.writing() as session:
            for key, state in ((first, states["first"]), (second, states["second"])):
                session.execute(
                    text("UPDATE cases SET state = :state, legal_hold = :held WHERE key = :key"),
                    {"state": state, "key": key, "held": "order 1" if key == first else ""},
                )

    return change


def test_cases_of_one_id_are_merged_into_the_newest_and_the_log_stays_intact(
    listed: Database,
) -> None:
    first, second = _merge(listed, lambda *_: None)
    assert row_of(listed, first).content_id is None
    assert row_of(listed, second).content_id == "post/1"
    with listed.reading() as session:
        assert verify(session, {}).is_intact
        merged, live = view_case(session, first), view_case(session, second)
    assert (merged["state"], merged["merged_into"]) == ("closed", second)
    assert (live["merged"], live["merged_into"]) == ([first], None)
    assert len(live["matches"]) == 2
    assert len(merged["matches"]) == 1
    for _ in range(2):
        with pytest.raises(CaseStateError, match=f"merged into case {second}"):
            act(listed, first, CaseAction.REOPEN)
    with listed.writing() as session, pytest.raises(CaseStateError, match="merged"):
        hold(session, first, "order 2", ADMINISTRATOR)
    assert make_match(listed, "post/1", entries=(3,), data=b"c") == second
    with listed.reading() as session:
        assert verify(session, {}).is_intact


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("open", "open", "open"),
        ("open", "false_positive", "open"),
        ("in_review", "confirmed", "open"),
        ("confirmed", "reported", "open"),
        ("confirmed", "open", "open"),
        ("false_positive", "reported", "reported"),
        ("reported", "false_positive", "false_positive"),
        ("closed", "escalated", "escalated"),
    ],
)
@pytest.mark.sqlite
def test_merging_decides_nothing_that_was_undecided(
    listed: Database, first: str, second: str, expected: str
) -> None:
    _, live = _merge(listed, _set(listed, first=first, second=second))
    row = row_of(listed, live)
    assert (row.state, row.legal_hold) == (expected, "order 1")


def _all_is_old(database: Database) -> None:
    past = utc_now() - timedelta(days=400)
    with database.writing() as session:
        session.execute(update(Case).values(changed_at=past))
        session.execute(update(UploaderDetails).values(received_at=past))


def test_a_merged_case_goes_with_the_one_that_it_was_merged_into(
    listed: Database, settings: Settings
) -> None:
    first, second = _merge(listed, lambda *_: None)
    chosen = settings_with(settings, retention={"false_positive_days": 30, "closed_days": 0})
    act(listed, second, CaseAction.DISMISS)
    past = utc_now() - timedelta(days=40)
    with listed.writing() as session:
        session.execute(update(Case).where(Case.key == second).values(changed_at=past))
    apply_retention(listed, chosen, dry_run=False)
    assert set(_cases(listed)) >= {first, second}
    _all_is_old(listed)
    assert apply_retention(listed, chosen, dry_run=True)["cases"] == 2
    assert apply_retention(listed, chosen, dry_run=False)["cases"] == 2
    assert not {first, second} & set(_cases(listed))
    with listed.reading() as session:
        tables: list[type[Base]] = [Content, MatchRecord]
        assert [session.scalar(select(func.count()).select_from(one)) for one in tables] == [1, 1]
        assert verify(session, {}).is_intact


@pytest.mark.parametrize("hold", ["order 1", ""])
def test_what_was_merged_stays_while_its_case_is_held_or_worked_on(
    listed: Database, settings: Settings, hold: str
) -> None:
    first, second = _merge(listed, lambda *_: None)
    days = dict.fromkeys(("false_positive_days", "closed_days", "details_days"), 30)
    with listed.writing() as session:
        session.execute(update(Case).where(Case.key == second).values(legal_hold=hold))
        report = NCMECReport(case_key=first, target="", base="", is_test=False, stage="finished")
        session.add_all([report, UploaderDetails(case_key=first, key_id="", sealed="")])
    if hold:
        act(listed, second, CaseAction.DISMISS)
        act(listed, second, CaseAction.CLOSE)
    _all_is_old(listed)
    chosen = settings_with(settings, retention=days)
    assert apply_retention(listed, chosen, dry_run=True) == {"cases": 0, "details": 0}
    assert apply_retention(listed, chosen, dry_run=False) == {}
    assert set(_cases(listed)) >= {first, second}
    with listed.reading() as session:
        assert session.get(UploaderDetails, first) is not None
        assert session.scalar(select(NCMECReport.stage)) == "finished"


def test_several_hashes_of_a_query_are_one_content_item(
    scanner: Scanner, database: Database
) -> None:
    hashes = [hashes_of(1, name)[name] for name in _HASHES]
    outcome = scanner.lookup([*hashes, Hash(ALGORITHMS["md5"], bytes(16))], content_id="post/1")
    assert isinstance(outcome, Matched)
    assert {one.algorithm for one in outcome.matches} == set(_HASHES)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Content)) == 1
