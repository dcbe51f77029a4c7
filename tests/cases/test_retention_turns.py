"""Retention in turns: each is short, others go on meanwhile, and it may end after any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, insert, select, update
from sqlalchemy.orm import Session

from hashmatch.audit import verify
from hashmatch.cases import CaseAction, apply_retention
from hashmatch.config import Settings
from hashmatch.store.engine import Database, Turns, audit
from hashmatch.store.migrations import integrity_problems
from hashmatch.store.outbox import queue_message
from hashmatch.store.schema import (
    AllowedMatchRecord,
    Base,
    Case,
    Content,
    MatchRecord,
    OutboxMessage,
    utc_now,
)
from tests.cases.making import act, make_match, settings_with

_ROWS = 20


@pytest.fixture
def small_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns of few rows, however fast this machine is."""
    monkeypatch.setattr(Turns, "_follow", lambda *_: None)
    monkeypatch.setattr("hashmatch.store.engine.turns._FIRST_ROWS", _ROWS)
    monkeypatch.setattr("hashmatch.cases.retention._FEWEST_ROWS", _ROWS)


@pytest.fixture
def chosen(settings: Settings) -> Settings:
    days = {"closed_days": 30, "outbox_days": 30, "allowed_days": 30}
    return settings_with(settings, retention=days)


def _close(database: Database, name: str) -> int:
    case = make_match(database, name)
    act(database, case, CaseAction.DISMISS)
    act(database, case, CaseAction.CLOSE)
    return case


def _add_matches(session: Session, content_key: int, number: int) -> None:
    """Add matches with as many entries to a content item, and record them."""
    first = session.scalars(select(MatchRecord).where(MatchRecord.content_key == content_key)).one()
    columns = [one.key for one in MatchRecord.__table__.columns if one.key != "key"]
    values = {name: getattr(first, name) for name in columns}
    for entry in range(number):
        row = MatchRecord(**{**values, "entry_key": 1_000 + entry})
        session.add(row)
        session.flush()
        audit(session, "match.recorded", row, {})


def _age(database: Database) -> None:
    past = utc_now() - timedelta(days=40)
    with database.writing() as session:
        session.execute(update(Case).values(changed_at=past))
        session.execute(update(OutboxMessage).values(created_at=past))
        session.execute(update(AllowedMatchRecord).values(allowed_at=past))


def _count(database: Database, table: type[Base]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@contextmanager
def _deletions() -> Iterator[list[Counter[str]]]:
    """Collect for each transaction the rows that it deletes, by table."""
    turns: list[Counter[str]] = [Counter()]

    def note(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("DELETE FROM"):
            turns[-1][statement.split()[2]] += cursor.rowcount

    def end(_: Any) -> None:
        turns.append(Counter())

    event.listen(Engine, "after_cursor_execute", note)
    event.listen(Engine, "commit", end)
    try:
        yield turns
    finally:
        event.remove(Engine, "after_cursor_execute", note)
        event.remove(Engine, "commit", end)


@pytest.mark.usefixtures("small_turns")
def test_a_turn_removes_a_bounded_number_of_rows_of_whatever_case(
    listed: Database, chosen: Settings
) -> None:
    cases = [_close(listed, f"post/{number}") for number in range(10)]
    with listed.writing() as session:
        _add_matches(session, cases[4], 150)
    _age(listed)
    with _deletions() as turns:
        removed = apply_retention(listed, chosen, dry_run=False)
    assert removed == {"cases": 10, "matches": 160, "case_notes": 20}
    assert max(turn.total() - turn["content_hashes"] for turn in turns) <= 2 * _ROWS
    assert len([turn for turn in turns if turn]) > 160 / _ROWS
    assert (_count(listed, Case), _count(listed, Content)) == (0, 0)


@pytest.mark.usefixtures("small_turns")
@pytest.mark.parametrize("turns", [1, 2, 5, 9])
def test_what_was_interrupted_is_whole_and_goes_on_later(
    listed: Database, chosen: Settings, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    cases = [_close(listed, f"post/{number}") for number in range(6)]
    with listed.writing() as session:
        _add_matches(session, cases[1], 90)
    _age(listed)
    left = iter(range(turns))
    next_turn = Turns.next

    def interrupted(self: Turns) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return next_turn(self)

    monkeypatch.setattr(Turns, "next", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apply_retention(listed, chosen, dry_run=False)
    with listed.reading() as session:
        assert verify(session, {}).problems == []
        # A case goes last: what is scanned again meanwhile is a new match of a case that is there.
        matched = set(session.scalars(select(MatchRecord.content_key)))
        assert matched <= set(session.scalars(select(Case.content_key)))
    assert integrity_problems(listed) == []
    monkeypatch.setattr(Turns, "next", next_turn)
    apply_retention(listed, chosen, dry_run=False)
    for table in (Case, Content, MatchRecord):
        assert _count(listed, table) == 0


@pytest.mark.usefixtures("small_turns")
def test_cases_that_stay_are_passed_by_and_end_no_run(listed: Database, chosen: Settings) -> None:
    cases = [_close(listed, f"post/{number}") for number in range(12)]
    with listed.writing() as session:
        for case in cases[:10]:
            session.get_one(Case, case).legal_hold = "order 1"
    _age(listed)
    assert apply_retention(listed, chosen, dry_run=False)["cases"] == 2
    assert apply_retention(listed, chosen, dry_run=False) == {}
    assert _count(listed, Case) == 10


@pytest.mark.usefixtures("small_turns")
def test_many_messages_go_in_turns(listed: Database, chosen: Settings) -> None:
    with listed.writing() as session:
        for number in range(3 * _ROWS):
            queue_message(session, "webhook", "desk", f"m/{number}", {})
        values = {"next_attempt_at": None, "sent_at": utc_now()}
        session.execute(update(OutboxMessage).values(values))
    with listed.writing() as session:
        queue_message(session, "webhook", "desk", "waits", {})
    _age(listed)
    with _deletions() as turns:
        assert apply_retention(listed, chosen, dry_run=False) == {"messages": 3 * _ROWS}
    assert max(turn["outbox"] for turn in turns) == _ROWS
    assert _count(listed, OutboxMessage) == 1


def test_content_that_was_allowed_stays_while_it_has_a_case_or_a_newer_match(
    listed: Database, chosen: Settings
) -> None:
    case = make_match(listed, "post/with a case")
    with listed.writing() as session:
        with_case = session.get_one(Case, case).content_key
        names = ("logo/old", "logo/new", "logo/both")
        session.execute(
            insert(Content), [{"content_id": one, "fingerprint": one.encode()} for one in names]
        )
        keys = dict(session.execute(select(Content.content_id, Content.key)).all())
        old = utc_now() - timedelta(days=40)
        for place, (content, moment) in enumerate(
            (
                (with_case, old), (keys["logo/old"], old), (keys["logo/new"], utc_now()),
                (keys["logo/both"], old), (keys["logo/both"], utc_now()),
            )
        ):  # fmt: skip
            row = AllowedMatchRecord(
                allowed_at=moment, content_key=content, list_key=1, generation=1, entry_key=place,
                entry_id="", algorithm="pdq", distance_bits=0, allow_list_key=1, allow_entry_key=1,
                allow_entry_id="", reason="logo", actor="jane",
            )  # fmt: skip
            session.add(row)
            session.flush()
            audit(session, "match.allowed", row, {})
        for row_of_content in session.scalars(select(Content)):
            audit(session, "content.recorded", row_of_content, {})
    assert apply_retention(listed, chosen, dry_run=True) == {
        "cases": 0, "contents": 1, "messages": 0,
    }  # fmt: skip
    expected = {"contents": 1, "allowed_matches": 1}
    assert apply_retention(listed, chosen, dry_run=False) == expected
    with listed.reading() as session:
        left = set(session.scalars(select(Content.content_id)))
        assert left == {"post/with a case", "logo/new", "logo/both"}
        assert verify(session, {}).problems == []
