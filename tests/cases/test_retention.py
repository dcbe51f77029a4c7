"""Retention: removal by state and age, never under a legal hold, and on record."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, func, select, text, update

from hashmatch.audit import verify
from hashmatch.cases import CaseAction, add_note, apply_retention, hold, store_details
from hashmatch.config import Settings
from hashmatch.store.engine import Database, audit, read_audit_records
from hashmatch.store.matches import Tally, read_daily_counts
from hashmatch.store.outbox import queue_message
from hashmatch.store.schema import (
    Base,
    Case,
    Content,
    ContentHash,
    NCMECReport,
    UploaderDetails,
    utc_now,
)
from hashmatch.store.schema.outbox import OutboxMessage
from hashmatch.uploaders import make_detail_key, open_sealer, parse_details
from tests.cases.making import ADMINISTRATOR, REVIEWER, act, make_match, settings_with


@pytest.fixture
def aged(listed: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A store with a case in each end, all forty days old; the last is under a legal hold."""
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    chosen = settings_with(settings, cases={"detail_keys": [{"env": "DETAIL_KEY"}]})
    ends = {
        "post/open": (),
        "post/false": (CaseAction.DISMISS,),
        "post/closed": (CaseAction.DISMISS, CaseAction.CLOSE),
        "post/held": (CaseAction.DISMISS, CaseAction.CLOSE),
    }
    for content, actions in ends.items():
        case = make_match(listed, content, entries=(1, 2))
        with listed.writing() as session:
            add_note(session, case, f"of {content}", REVIEWER)
            details = parse_details('{"account": {"id": "someone"}}')
            store_details(session, open_sealer(chosen), case, details, REVIEWER)
        for action in actions:
            act(listed, case, action)
        if content == "post/held":
            with listed.writing() as session:
                hold(session, case, "order 1", ADMINISTRATOR)
    past = utc_now() - timedelta(days=40)
    with listed.writing() as session:
        session.execute(update(Case).values(changed_at=past))
        session.execute(text("UPDATE uploader_details SET received_at = :past"), {"past": past})
    return chosen


def _with(settings: Settings, **days: float) -> Settings:
    return settings.model_copy(update={"retention": settings.retention.model_copy(update=days)})


def _contents(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(select(Content.content_id)))


def _count(database: Database, table: type[Base]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_nothing_goes_unless_it_is_set_to(listed: Database, aged: Settings) -> None:
    assert apply_retention(listed, aged, dry_run=False) == {}
    assert len(_contents(listed)) == 4


def test_old_cases_are_removed_completely_and_the_chain_stays_intact(
    listed: Database, aged: Settings
) -> None:
    chosen = _with(aged, closed_days=30, false_positive_days=50)
    assert apply_retention(listed, chosen, dry_run=True) == {"cases": 1}
    assert len(_contents(listed)) == 4
    removed = apply_retention(listed, chosen, dry_run=False)
    assert removed == {
        "cases": 1, "matches": 2, "case_notes": 3, "uploader_details": 1,
    }  # fmt: skip
    assert _contents(listed) == ["post/false", "post/held", "post/open"]
    with listed.reading() as session:
        assert verify(session, {}).problems == []
        actions = [one["action"] for one in read_audit_records(session)]
        facts = json.dumps([one["facts"] for one in read_audit_records(session)])
    assert actions[-1] == "retention.applied"
    assert actions.count("retention.removed") == 8
    assert "post/closed" not in facts
    assert _count(listed, ContentHash) == 3 * 2
    assert apply_retention(listed, chosen, dry_run=False) == {}


def test_a_legal_hold_ends_when_it_is_released(listed: Database, aged: Settings) -> None:
    chosen = _with(aged, closed_days=30)
    apply_retention(listed, chosen, dry_run=False)
    with listed.reading() as session:
        held = session.scalar(select(Case.key).where(Case.legal_hold != ""))
    assert held is not None
    with listed.writing() as session:
        hold(session, held, "", ADMINISTRATOR)
        session.flush()
        past = utc_now() - timedelta(days=40)
        session.execute(update(Case).values(changed_at=past))
    assert apply_retention(listed, chosen, dry_run=False)["cases"] == 1
    assert "post/held" not in _contents(listed)


def test_details_go_before_their_cases(listed: Database, aged: Settings) -> None:
    chosen = _with(aged, details_days=30)
    assert apply_retention(listed, chosen, dry_run=True) == {"details": 2}
    assert apply_retention(listed, chosen, dry_run=False) == {"details": 2}
    assert len(_contents(listed)) == 4
    with listed.reading() as session:
        left = session.scalars(text("SELECT case_key FROM uploader_details ORDER BY 1")).all()
        assert verify(session, {}).problems == []
    assert left == [1, 4]  # One that is open, and one under a legal hold.


def test_messages_and_daily_counts_go_by_their_age(listed: Database, aged: Settings) -> None:
    with listed.writing() as session:
        for number in range(3):
            queue_message(session, "webhook", "desk", f"m/{number}", {})
        old = {"created_at": utc_now() - timedelta(days=40)}
        session.execute(update(OutboxMessage).values(old))
        done = update(OutboxMessage).where(OutboxMessage.key < 3)
        session.execute(done.values(next_attempt_at=None, sent_at=utc_now()))
    tally = Tally(listed)
    tally.add(date(2020, 1, 1), "clear")
    tally.flush()
    chosen = _with(aged, outbox_days=30, daily_count_days=30)
    expected: dict[str, Any] = {"messages": 2, "daily_counts": 1}
    assert apply_retention(listed, chosen, dry_run=True) == expected
    assert apply_retention(listed, chosen, dry_run=False) == expected
    assert _count(listed, OutboxMessage) == 1  # The one that waits.
    with listed.reading() as session:
        assert read_daily_counts(session) == {}


def test_content_that_comes_back_is_a_new_case(listed: Database, aged: Settings) -> None:
    apply_retention(listed, _with(aged, closed_days=30), dry_run=False)
    assert make_match(listed, "post/closed") == 5


def test_what_is_on_its_way_to_ncmec_stays(listed: Database, aged: Settings) -> None:
    with listed.writing() as session:
        report = NCMECReport(
            case_key=session.scalars(_old_and_closed()).one(),
            target="ncmec",
            base="https://x.example",
            is_test=False,
            stage="queued",
        )
        session.add(report)
        session.flush()
        audit(session, "report.queued", report, {})
    chosen = _with(aged, closed_days=30)
    for stage in ("queued", "opened", "finishing", "unknown"):
        _set_stage(listed, stage)
        assert apply_retention(listed, chosen, dry_run=True) == {"cases": 0}
        assert apply_retention(listed, chosen, dry_run=False) == {}
    _set_stage(listed, "finished")
    assert apply_retention(listed, chosen, dry_run=False)["cases"] == 1


def _old_and_closed() -> Select[int]:
    """Return a query for the closed case that is not under a legal hold."""
    return select(Case.key).where(Case.state == "closed", Case.legal_hold == "")


def _set_stage(database: Database, stage: str) -> None:
    with database.writing() as session:
        report = session.scalars(select(NCMECReport)).one()
        report.stage = stage
        audit(session, f"report.{stage}", report, {})


def test_messages_that_wait_keep_their_case_and_dead_ones_go_with_it(
    listed: Database, aged: Settings
) -> None:
    with listed.writing() as session:
        case = session.scalars(_old_and_closed()).one()
        queue_message(session, "escalation", "desk", "e/1", {"who": "post/closed"}, case=case)
    chosen = _with(aged, closed_days=30, outbox_days=30)
    assert apply_retention(listed, chosen, dry_run=False) == {}
    with listed.writing() as session:
        old = utc_now() - timedelta(days=90)
        session.execute(update(OutboxMessage).values(next_attempt_at=None, created_at=old))
    assert apply_retention(listed, _with(aged, outbox_days=30), dry_run=False) == {}
    assert apply_retention(listed, chosen, dry_run=False)["cases"] == 1
    assert _count(listed, OutboxMessage) == 0


def test_details_of_a_case_put_under_a_legal_hold_meanwhile_stay(
    listed: Database, aged: Settings
) -> None:
    chosen = _with(aged, details_days=30)
    with (
        ThreadPoolExecutor(1) as pool,
        closing(Database(chosen.database_url, busy_timeout_s=60)) as other,
    ):
        with listed.writing() as session:
            case = session.scalars(_old_and_closed()).one()
            hold(session, case, "order 2", ADMINISTRATOR)
            session.flush()
            removing = pool.submit(apply_retention, other, chosen, dry_run=False)
            _wait_for_a_lock(listed, removing)
        assert removing.result() == {"details": 1}
    with listed.reading() as session:
        assert session.get(UploaderDetails, case) is not None


def _wait_for_a_lock(database: Database, other: Future[Any]) -> None:
    """Wait until another writer waits for a lock, which only PostgreSQL shows."""
    if database.sqlite_path() is not None:
        return  # It has one writer, and lets no other even look before this one ends.
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    until_s = time.monotonic() + 60
    while not other.done() and time.monotonic() < until_s:
        with database.reading() as session:
            if session.scalar(waiting):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")
