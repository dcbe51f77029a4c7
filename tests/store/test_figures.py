"""Figures that the database keeps: the same as rows that are counted one by one, whoever writes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from benchmarks.filling import fill
from hashmatch.cases import PENDING
from hashmatch.store.engine import Database
from hashmatch.store.figures import (
    count_cases,
    count_overdue,
    read_case_figures,
    read_match_figures,
)
from hashmatch.store.migrations import downgrade, schema_differences, upgrade
from hashmatch.store.outbox import count_unsent
from hashmatch.store.schema import (
    FIGURE_TRIGGERS,
    AllowedMatchRecord,
    Case,
    Content,
    ContentHash,
    Figure,
    HashList,
    MatchRecord,
    NCMECReport,
    OutboxMessage,
    utc_now,
)

_CONTENTS = 60
Period = tuple[datetime | None, datetime | None]


def _periods(rng: random.Random) -> list[Period]:
    """All of time, whole days, and periods that begin and end in the middle of one."""
    now = utc_now()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=300)
    some = sorted(now - timedelta(days=730 * rng.random()) for _ in range(2))
    hour = timedelta(hours=1)
    return [
        (None, None), (day, None), (None, day), (day, day + timedelta(days=40)),
        (some[0], some[1]), (some[0], None), (None, some[1]), (some[0], some[0] + hour),
        (day, day + hour), (day - hour, day + hour), (day, day),
    ]  # fmt: skip


def _is_in(period: Period, moment: datetime | None) -> bool:
    since, until = period
    return (
        moment is not None
        and (since is None or moment >= since)
        and (until is None or moment < until)
    )


def _check(database: Database, rng: random.Random) -> None:
    with database.reading() as session:
        matches = session.scalars(select(MatchRecord)).all()
        cases = session.scalars(select(Case)).all()
        reports = session.scalars(select(NCMECReport)).all()
        messages = session.scalars(select(OutboxMessage)).all()
        names = {row.key: row.name for row in session.scalars(select(HashList))}
        assert count_cases(session) == Counter(one.state for one in cases)
        late = [one for one in cases if one.state in PENDING and one.due_at < utc_now()]
        assert count_overdue(session, PENDING) == len(late)
        unsent = Counter(
            "dead" if one.next_attempt_at is None else "waiting"
            for one in messages
            if one.sent_at is None
        )
        assert count_unsent(session) == {name: unsent[name] for name in ("waiting", "dead")}
        for period in _periods(rng):
            _check_matches(session, period, matches, names)
            _check_cases(session, period, cases, reports)


def _check_matches(session: Session, period: Period, matches: Any, names: dict[int, str]) -> None:
    found = read_match_figures(session, *period)
    firsts: dict[bool, dict[int, datetime]] = {True: {}, False: {}}
    for one in matches:
        first = firsts[one.distance_bits > one.threshold_bits]
        first[one.content_key] = min(one.matched_at, first.get(one.content_key, one.matched_at))
    own = [one for one in matches if _is_in(period, one.matched_at)]
    near = [one for one in own if one.distance_bits > one.threshold_bits]
    matched = [one for one in own if one not in near]
    only_near = {key: when for key, when in firsts[True].items() if key not in firsts[False]}
    assert (found.matches, found.near) == (len(matched), len(near)), period
    assert found.contents == sum(_is_in(period, one) for one in firsts[False].values()), period
    assert found.near_contents == sum(_is_in(period, one) for one in only_near.values()), period
    assert dict(found.by_list) == Counter(names[one.list_key] for one in matched)
    assert dict(found.by_category) == Counter(one.category for one in matched)
    assert dict(found.by_action) == Counter(one.action for one in matched)
    assert found.by_day == Counter(one.matched_at.date() for one in matched)


def _check_cases(session: Session, period: Period, cases: Any, reports: Any) -> None:
    found = read_case_figures(session, *period, pending=PENDING)
    own = [one for one in cases if _is_in(period, one.opened_at)]
    late = [one for one in own if one.state in PENDING and one.due_at < utc_now()]
    hours = sorted(
        (one.decided_at - one.opened_at).total_seconds() / 3600
        for one in own
        if one.decided_at is not None
    )
    told = [hour for hour, number in found.hours_to_decision for _ in range(number)]
    assert dict(found.by_state) == Counter(one.state for one in own), period
    assert (found.overdue, found.reopened) == (
        len(late),
        sum(one.reopened > 0 for one in own),
    ), period
    assert told == pytest.approx(hours, rel=0.04, abs=1 / 60), period
    finished = [one for one in reports if _is_in(period, one.finished_at) and not one.is_test]
    assert found.ncmec_reports == len(finished), period


def _some(rng: random.Random, session: Session, column: Any) -> list[int]:
    keys = session.scalars(select(column)).all()
    return rng.sample(list(keys), min(len(keys), rng.randint(1, 5)))


def _near_ones_become_matches(rng: random.Random, session: Session) -> None:
    near = session.scalars(
        select(MatchRecord).where(MatchRecord.distance_bits > MatchRecord.threshold_bits).limit(3)
    )
    for one in near:
        one.distance_bits, one.matched_at = 3, utc_now()


def _cases_move(rng: random.Random, session: Session) -> None:
    keys = _some(rng, session, Case.key)
    state = rng.choice(("open", "confirmed", "closed", "false_positive"))
    decided = None if state == "open" else utc_now()
    values = {"state": state, "decided_at": decided, "reopened": rng.randint(0, 2)}
    due_at = utc_now() + timedelta(seconds=rng.randint(-7_000, 7_000))
    session.execute(update(Case).where(Case.key.in_(keys)).values(due_at=due_at, **values))


def _messages_move(rng: random.Random, session: Session) -> None:
    keys = _some(rng, session, OutboxMessage.key)
    values = rng.choice(
        (
            {"next_attempt_at": None, "sent_at": utc_now()},
            {"next_attempt_at": None, "sent_at": None},
            {"next_attempt_at": utc_now(), "sent_at": None},
        )
    )
    session.execute(update(OutboxMessage).where(OutboxMessage.key.in_(keys)).values(values))


def _reports_end(rng: random.Random, session: Session) -> None:
    for key in _some(rng, session, NCMECReport.key):
        report = session.get_one(NCMECReport, key)
        report.finished_at = rng.choice((None, utc_now()))
        report.is_test = rng.random() < 0.3


def _rows_go(rng: random.Random, session: Session) -> None:
    table = rng.choice((OutboxMessage, NCMECReport))
    session.execute(delete(table).where(table.key.in_(_some(rng, session, table.key))))
    # Matches go with their content only, which is counted until then.
    uncased = select(Content.key).where(Content.key.not_in(select(Case.content_key))).limit(1)
    for key in session.scalars(uncased).all():
        for below in (MatchRecord, AllowedMatchRecord, ContentHash):
            session.execute(delete(below).where(below.content_key == key))
        session.execute(delete(Content).where(Content.key == key))


def _matches_come(rng: random.Random, session: Session) -> None:
    contents = _some(rng, session, Content.key)
    rows = [
        {
            "matched_at": utc_now() - timedelta(days=700 * rng.random()), "content_key": content,
            "list_key": rng.randint(1, 2), "entry_key": rng.randint(10_000, 10**9),
            "entry_id": "", "generation": 1, "licensor": "", "category": rng.choice("ABX"),
            "action": rng.choice(("block", "review")), "algorithm": "pdq", "hasher_version": "1",
            "value": b"x", "distance_bits": rng.choice((0, 40)), "threshold_bits": 31, "frame": 0,
            "orientation": "original",
        }
        for content in contents
    ]  # fmt: skip
    session.execute(insert(MatchRecord), rows)


_CHANGES: tuple[Callable[[random.Random, Session], None], ...] = (
    _near_ones_become_matches, _cases_move, _messages_move, _reports_end, _rows_go, _matches_come,
)  # fmt: skip


def test_the_figures_are_those_of_the_rows_whatever_is_done_to_them(database: Database) -> None:
    rng = random.Random(22)
    fill(database, _CONTENTS)
    _check(database, rng)
    for turn in range(60):
        with database.writing() as session:
            for change in rng.choices(_CHANGES, k=3):
                change(rng, session)
            if turn % 7 == 0:
                session.flush()
                session.rollback()
        if turn % 20 == 19:
            _check(database, rng)


def test_a_migration_counts_what_is_there(database: Database) -> None:
    fill(database, _CONTENTS)
    downgrade(database, "0017")
    upgrade(database)
    _check(database, random.Random(3))
    with database.writing() as session:
        _cases_move(random.Random(4), session)
    _check(database, random.Random(5))


def test_what_is_forgotten_leaves_no_row_behind(database: Database) -> None:
    fill(database, _CONTENTS)
    with database.writing() as session:
        session.execute(delete(OutboxMessage))
        for _ in range(3):
            _fold(session)
        left = session.scalars(select(Figure).where(Figure.figure == "outbox")).all()
    assert left == []


def test_a_list_whose_matches_went_is_not_in_the_figures(database: Database) -> None:
    fill(database, _CONTENTS)
    with database.writing() as session:
        _matches_come(random.Random(6), session)
    with database.reading() as session:
        before = read_match_figures(session, None, None)
        gone = before.by_list[0][0]
        key = session.scalar(select(HashList.key).where(HashList.name == gone))
    with database.writing() as session:
        session.execute(delete(MatchRecord).where(MatchRecord.list_key == key))
    with database.reading() as session:
        after = read_match_figures(session, None, None)
    assert gone not in dict(after.by_list)
    shown = (*after.by_list, *after.by_category, *after.by_action)
    assert all(number > 0 for _, number in shown)


def _fold(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT fold_figures()"))


def test_folding_changes_no_figure_and_leaves_one_row_for_each(database: Database) -> None:
    if database.sqlite_path() is not None:
        return  # It has one writer, whose rows are folded at once.
    fill(database, _CONTENTS)
    rng = random.Random(9)
    for _ in range(5):
        with database.writing() as session:
            _cases_move(rng, session)
    for _ in range(10):
        with database.writing() as session:
            _fold(session)
    with database.reading() as session:
        slots = set(session.scalars(select(Figure.slot)))
        negative = session.scalar(select(func.count()).where(Figure.number < 0))
    assert (slots, negative) == ({0}, 0)
    _check(database, rng)


def test_triggers_that_are_missing_are_noticed(database: Database) -> None:
    name = FIGURE_TRIGGERS[0]
    on = "" if database.sqlite_path() is not None else f" ON {name.split('_')[1]}"
    with database.writing() as session:
        session.execute(text(f"DROP TRIGGER {name}{on}"))
    (difference,) = schema_differences(database)
    assert name in difference


def test_a_case_is_late_the_moment_that_it_is_due(database: Database) -> None:
    fill(database, 20)
    with database.writing() as session:
        session.execute(update(Case).values(state="open", due_at=utc_now() + timedelta(days=9)))
    with database.reading() as session:
        assert count_overdue(session, PENDING) == 0
    for moment, number in (
        (utc_now() - timedelta(microseconds=1), 1),
        (datetime(1950, 1, 1, tzinfo=UTC), 2),
    ):
        with database.writing() as session:
            session.execute(update(Case).where(Case.key == number).values(due_at=moment))
        with database.reading() as session:
            assert count_overdue(session, PENDING) == number
