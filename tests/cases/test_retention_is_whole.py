"""Retention leaves nothing of a content item or an uploader: in no table, and in no byte of it."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, inspect, select, text, update
from sqlalchemy.orm import Session

from hashmatch.audit import verify
from hashmatch.cases import (
    Automation,
    CaseAction,
    Ground,
    Restriction,
    add_note,
    answer_appeal,
    apply_retention,
    impose,
    lift,
    receive_appeal,
    store_details,
)
from hashmatch.config import Settings
from hashmatch.hashes import Orientation, View
from hashmatch.match_listener import NewMatches, RecordedMatch
from hashmatch.outbox import WebhookNotifier
from hashmatch.outcome import Action, Match, Media
from hashmatch.store.engine import Database, audit
from hashmatch.store.lists import Allowance, Terms
from hashmatch.store.matches import ContentFacts, NewAllowedMatch, NewItem, record_items
from hashmatch.store.outbox import note_failed, note_sent, queue_message, take_due
from hashmatch.store.schema import (
    AllowedMatchRecord,
    AppealState,
    Base,
    Case,
    Content,
    MatchRecord,
    NCMECReport,
    Notice,
    OutboxMessage,
    UploaderDetails,
    utc_now,
)
from hashmatch.uploaders import make_detail_key, open_sealer, parse_details
from tests.cases.making import OTHER, REVIEWER, act, make_match, settings_with
from tests.notices.making import add, close
from tests.pictures import hashes_of
from tests.store.columns import ACTOR, CONTENT, KINDS, LIST, UPLOADER

# What must be found nowhere afterwards; SQLite puts the long one on pages of its own.
CONTENT_ID, REFERENCE = "post/unique-name-of-content", "s3://bucket/unique-reference"
NOTE, PERSON = "unique-note-" + "n" * 9_000, "unique-person@example.org"
ALLOWED_ID = "logo/unique-name-of-a-logo"
SECRETS = (CONTENT_ID, REFERENCE, NOTE[:40], PERSON, ALLOWED_ID)


def test_every_column_is_known_for_what_it_can_name() -> None:
    found = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
    }
    listed = Counter(
        f"{table}.{column}"
        for kind in KINDS
        for table, columns in kind.items()
        for column in columns.split()
    )
    # Say in tests/store/columns.py what a new column can name, and let retention end it.
    assert found - set(listed) == set()
    assert set(listed) - found == set()
    assert [one for one, number in listed.items() if number > 1] == []


@pytest.fixture
def chosen(listed: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    monkeypatch.setenv("HOOK", "secret-of-the-hook")
    hook = {"url": "https://hook.example", "secret": {"env": "HOOK"}}
    days = dict.fromkeys(
        ("false_positive_days", "closed_days", "allowed_days", "details_days", "outbox_days",
         "token_days", "daily_count_days", "notice_days"), 30,
    )  # fmt: skip
    return settings_with(
        settings,
        cases={"detail_keys": [{"env": "DETAIL_KEY"}]},
        webhooks={"desk": hook, "siem": hook},
        retention=days,
    )


def _fill(database: Database, chosen: Settings) -> None:
    """Let a content item leave its names everywhere, by the ways by which they come there."""
    case = make_match(database, CONTENT_ID, entries=(1, 2), reference=REFERENCE, settings=chosen)
    with database.writing() as session:
        row = session.scalars(select(Case)).one()
        matches = session.scalars(select(MatchRecord)).all()
        _notify(session, chosen, matches)
        add_note(session, case, NOTE, REVIEWER)
        details = parse_details(f'{{"account": {{"id": "{PERSON}"}}}}')
        store_details(session, open_sealer(chosen), case, details, REVIEWER)
        body = {"type": "case.escalated", "data": {"content_id": CONTENT_ID, "note": NOTE}}
        queue_message(session, "escalation", "desk", f"e/{case}", body, case=case)
        report = NCMECReport(
            case_key=row.key, target="ncmec", base="https://x.example", is_test=False,
            stage="finished", report_id="77", without_file=f"no file of {REFERENCE}",
        )  # fmt: skip
        session.add(report)
        session.flush()
        audit(session, "report.finished", report, {})
    _send_some(database)
    with database.writing() as session:
        impose(
            session, chosen, case, Restriction.REMOVAL, REVIEWER, ground=Ground.TERMS,
            automation=Automation.FULL,
        )  # fmt: skip
        receive_appeal(session, chosen, case, REVIEWER, grounds=NOTE)
        answer_appeal(session, chosen, case, 1, AppealState.UPHELD, OTHER, note=NOTE)
        lift(session, case, REVIEWER, note=NOTE)
    act(database, case, CaseAction.DISMISS, note=NOTE)
    act(database, case, CaseAction.CLOSE)
    with database.writing() as session:
        _allow(session)
    places = [{"content_id": CONTENT_ID, "url": REFERENCE}]
    notice = add(database, chosen, requester={"emails": [PERSON]}, places=places)
    close(database, notice.request_id)


def _notify(session: Session, chosen: Settings, matches: Any) -> None:
    facts = ContentFacts(CONTENT_ID, REFERENCE, b"", None, [])
    recorded = [RecordedMatch(_as_match(one), Action.BLOCK) for one in matches]
    new = NewMatches(facts, matches[0].content_key, recorded)
    WebhookNotifier(chosen.webhooks).on_new_matches(session, [new])


def _as_match(record: MatchRecord) -> Match:
    return Match(
        str(record.key), "one", 1, record.entry_key, record.entry_id, "pdq", 4, 31,
        Orientation.ORIGINAL, 0, View.FULL, "A",
    )  # fmt: skip


def _send_some(database: Database) -> None:
    """Deliver what goes to one target, and let what goes to another die."""
    for kind, target in (("webhook", "desk"), ("webhook", "siem"), ("escalation", "desk")):
        with database.writing() as session:
            taken, _ = take_due(session, kind, target, limit=100)
        for message in taken:
            with database.writing() as session:
                if (kind, target) == ("webhook", "siem"):
                    problem = f"{REFERENCE} was refused"
                    note_failed(session, message.key, problem, is_final=True)
                else:
                    note_sent(session, message.key)


def _allow(session: Session) -> None:
    facts = ContentFacts(
        ALLOWED_ID, REFERENCE, bytes(32), Media("PNG", 64, 64, 1),
        list(hashes_of(2, "pdq").values()),
    )  # fmt: skip
    allowance = Allowance(1, "one", 1, "a", "pdq", b"", "a logo", Terms("jane"))
    new = NewAllowedMatch(1, "one", 1, 1, "e1", "pdq", 0, allowance)
    record_items(session, [NewItem(facts, allowed=[new])])


def _let_a_year_pass(database: Database) -> None:
    past = utc_now() - timedelta(days=400)
    with database.writing() as session:
        session.execute(update(Case).values(changed_at=past, opened_at=past))
        session.execute(update(MatchRecord).values(matched_at=past))
        session.execute(update(AllowedMatchRecord).values(allowed_at=past))
        session.execute(update(OutboxMessage).values(created_at=past))
        session.execute(update(Notice).values(received_at=past, closed_at=past))
        session.execute(update(UploaderDetails).values(received_at=past))


def _everything(database: Database) -> bytes:
    """Return all that the database holds: the bytes of SQLite's files, or of all tables."""
    path = database.sqlite_path()
    if path is not None:
        return b"".join(one.read_bytes() for one in path.parent.iterdir() if one.is_file())
    with database.connection() as connection:
        names = inspect(connection).get_table_names()
        rows = [connection.execute(text(f'SELECT t::text FROM "{one}" t')).all() for one in names]
    return repr(rows).encode()


def test_nothing_is_left_of_a_content_item(listed: Database, chosen: Settings) -> None:
    _fill(listed, chosen)
    before = _everything(listed)
    missing = [one for one in SECRETS if one.encode() not in before and one != PERSON]
    assert missing == []  # The uploader was encrypted from the beginning.
    _let_a_year_pass(listed)
    apply_retention(listed, chosen, dry_run=False)
    left = _everything(listed)
    assert [one for one in SECRETS if one.encode() in left] == []
    with listed.reading() as session:
        assert verify(session, {}).problems == []
        for table in {*CONTENT, *UPLOADER} - {"outbox"} - set(LIST) - set(ACTOR):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
        assert session.scalar(select(func.count()).select_from(OutboxMessage)) == 0


@pytest.mark.sqlite
def test_pages_that_were_split_and_merged_hold_no_names_either(
    listed: Database, chosen: Settings
) -> None:
    """SQLite moves rows from page to page, and leaves copies where nothing points to."""
    rng = random.Random(6)
    for number in range(120):
        name = f"unique/{rng.randbytes(rng.randint(4, 300)).hex()}"
        case = make_match(listed, name, reference=f"unique-reference-{number:03}", settings=chosen)
        if number % 10:
            act(listed, case, CaseAction.DISMISS, note=f"unique-note-{number}")
            act(listed, case, CaseAction.CLOSE)
    _let_a_year_pass(listed)
    apply_retention(listed, chosen, dry_run=False)
    with listed.reading() as session:
        kept = {f"unique-reference-{number:03}" for number in range(0, 120, 10)}
        assert set(session.scalars(select(Content.reference))) == kept
    left = _everything(listed)
    gone = {f"unique-reference-{number:03}" for number in range(120)} - kept
    assert [one for one in sorted(gone) if one.encode() in left] == []
