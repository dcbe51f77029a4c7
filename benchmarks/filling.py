"""A store as years of use leave it, made of rows without the screening that would lead to them.

Every table that grows has rows: cases in all states, most of them closed, messages that were sent,
reports, notes, details, allowed matches, samples. Times run evenly over two years.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from hashmatch.store.engine import Database, as_table
from hashmatch.store.schema import (
    AccessToken,
    AllowedMatchRecord,
    Backfill,
    BackfillResult,
    BackfillShard,
    Base,
    Case,
    CaseNote,
    ConsoleSession,
    Content,
    ContentHash,
    ContentLook,
    Contribution,
    CountedEvent,
    DailyCount,
    Entry,
    EntryActivity,
    Generation,
    HashList,
    ListSync,
    MatchRecord,
    NCMECReport,
    OutboxMessage,
    ReviewSample,
    SampledMatch,
    SavedQueue,
    SyncRun,
    UploaderDetails,
    utc_now,
)

from .filling_duties import DUTIES
from .filling_notices import NOTICES
from .filling_policies import POLICIES
from .filling_sharing import SHARING

DAYS = 730
_ROWS_AT_ONCE = 5_000
# One list of nearly all matches, and one of very few; the third explains some.
_LISTS = (("one", "match"), ("two", "match"), ("benign", "allow"))
_CASES_OF_THE_RARE_LIST = 1_000
_ENTRIES = 2_000
_STATES = (
    *("closed",) * 14, "false_positive", "reported", "escalated", "open", "in_review", "confirmed",
)  # fmt: skip
_Rows = Callable[[int, datetime], Iterator[dict[str, Any]]]


def fill(database: Database, contents: int, matches_each: int = 3) -> None:
    """Fill an empty store; the last tenth of the content items have no case, and were allowed."""
    begun = utc_now() - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / contents
    with _without_indexes(database):
        _fill(database, contents, matches_each, begun, step)


def _fill(
    database: Database, contents: int, matches_each: int, begun: datetime, step: timedelta
) -> None:
    with database.writing() as session:
        _add(session, HashList, ({"name": one, "kind": kind, "active_entries": 1, "generation": 1}
                                 for one, kind in _LISTS))  # fmt: skip
        for table, rows in _BEFORE:
            _add(session, table, rows())
    cases = contents * 9 // 10
    with database.writing() as session:
        _add(session, Content, (_content(key) for key in range(1, contents + 1)))
        _add(session, ContentHash, (_hash(key) for key in range(1, contents + 1)))
        _add(
            session,
            MatchRecord,
            (
                _match(key, place, begun + step * key)
                for key in range(1, cases + 1)
                for place in range(matches_each)
            ),
        )
        _add(
            session,
            AllowedMatchRecord,
            (_allowed(key, begun + step * key) for key in range(cases + 1, contents + 1)),
        )
    with database.writing() as session:
        _add(session, Case, (_case(key, matches_each, begun + step * key)
                             for key in range(1, cases + 1)))  # fmt: skip
        for table, some in _BELOW_CASES:
            _add(
                session,
                table,
                (row for key in range(1, cases + 1) for row in some(key, begun + step * key)),
            )


@contextmanager
def _without_indexes(database: Database) -> Iterator[None]:
    """Let SQLite build the indexes of a filled store at once, which takes a third of the time."""
    found: list[tuple[str, str]] = []
    if database.sqlite_path() is not None:
        with database.writing() as session:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            found = [(name, sql) for name, sql in session.execute(text(query))]
            for name, _ in found:
                session.execute(text(f'DROP INDEX "{name}"'))
    yield
    for _, sql in found:
        with database.writing() as session:
            session.execute(text(sql))


def _add(session: Session, table: type[Base], rows: Iterator[dict[str, Any]]) -> None:
    statement = insert(as_table(table))
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        session.execute(statement, some)


def _blob(number: int) -> bytes:
    return number.to_bytes(32)


def _entries() -> Iterator[dict[str, Any]]:
    for key in range(1, _ENTRIES + 1):
        yield {
            "list_key": 1, "algorithm": "pdq", "value": _blob(key), "entry_id": f"e{key}",
            "category": "A", "added_generation": 1,
        }  # fmt: skip


def _generations() -> Iterator[dict[str, Any]]:
    for key in range(1, 4):
        yield {
            "list_key": key, "number": 1, "source": "x", "added": 1, "withdrawn": 0, "changed": 0,
        }  # fmt: skip


def _activity() -> Iterator[dict[str, Any]]:
    today = utc_now().date()
    for key in range(1, _ENTRIES + 1):
        yield {
            "entry_key": key, "list_key": 1, "day": today, "contents": 1,
            "flooding_since": utc_now() if key == 1 else None,
        }  # fmt: skip


def _syncs() -> Iterator[dict[str, Any]]:
    yield {"list_key": 1, "source": "x"}
    yield {"list_key": 2, "source": "x"}


def _sync_runs() -> Iterator[dict[str, Any]]:
    # The second list succeeded once, long ago.
    for number in range(_ENTRIES):
        yield {
            "list_key": 1 + number % 2, "started_at": utc_now(), "generation": 1,
            "outcome": "unchanged" if number % 2 == 0 or number == 1 else "failed",
        }  # fmt: skip


def _tokens() -> Iterator[dict[str, Any]]:
    for key in range(50):
        yield {"token_id": f"{key:012}", "name": "x", "secret_hash": b"x", "scopes": "[]"}


def _sessions() -> Iterator[dict[str, Any]]:
    for key in range(1, 6_001):
        moment = utc_now() - timedelta(hours=key % 48)
        yield {
            "secret_hash": _blob(key), "name": f"user {key % 1_000}", "scopes": "[]",
            "began_at": moment, "used_at": moment, "ends_at": moment + timedelta(hours=60),
        }  # fmt: skip


def _queues() -> Iterator[dict[str, Any]]:
    for key in range(50):
        yield {"owner": f"user {key}", "name": "late", "query": "due=overdue", "access": "[]"}


def _contributions(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    yield {
        "list_key": 1, "case_key": key, "content_key": key, "entry": key, "state": "added",
        "category": "A", "classification": "{}", "jurisdiction": "", "basis": "x",
        "generated": "unknown", "note": "", "proposed_by": "alice", "proposed_at": moment,
        "decided_by": "bob",
    }  # fmt: skip


def _days() -> Iterator[dict[str, Any]]:
    today = utc_now().date()
    for number in range(DAYS):
        for outcome, reason in (("clear", ""), ("unscreened", "truncated")):
            day = today - timedelta(days=number)
            yield {"day": day, "outcome": outcome, "reason": reason, "count": 5}


def _backfills() -> Iterator[dict[str, Any]]:
    for key in range(1, 21):
        begun = utc_now() - timedelta(days=key * 30)
        ended = begun if key > 1 else None
        name = None if ended else "x"
        yield {"fingerprint": name, "sources": "[]", "started_at": begun, "ended_at": ended}


def _shards() -> Iterator[dict[str, Any]]:
    for number in range(6_000):
        yield {
            "backfill_key": 1 + number % 2, "number": number, "source": 0, "position": "a",
            "until": "b", "is_done": number < 3_000, "leased_by": "",
        }  # fmt: skip


def _results() -> Iterator[dict[str, Any]]:
    for number in range(6_000):
        yield {"backfill_key": 1 + number % 2, "digest": _blob(number)[-16:]}


def _events() -> Iterator[dict[str, Any]]:
    for number in range(6_000):
        counted_on = utc_now().date() - timedelta(days=number % 10)
        yield {"digest": _blob(number)[-16:], "counted_on": counted_on}


def _samples() -> Iterator[dict[str, Any]]:
    for _ in range(20):
        yield {
            "drawn_by": "x", "seed": "x", "size": 10, "list_name": "", "by_list": False,
            "nearness": "match", "populations": "{}",
        }  # fmt: skip


def _sampled() -> Iterator[dict[str, Any]]:
    for key in range(200):
        yield {
            "sample_key": 1 + key % 20, "match_key": 1 + key, "list_name": "one",
            "algorithm": "pdq", "distance_bits": 0, "threshold_bits": 31, "view": "full",
        }  # fmt: skip


def _content(key: int) -> dict[str, Any]:
    return {
        "content_id": f"post/{key}", "reference": f"s3://bucket/{key}", "fingerprint": _blob(key),
        "format": "JPEG", "width": 1920, "height": 1080, "frames": 1,
    }  # fmt: skip


def _hash(key: int) -> dict[str, Any]:
    return {
        "content_key": key, "algorithm": "pdq", "version": "1", "frame": 0,
        "orientation": "original", "value": _blob(key),
    }  # fmt: skip


def _match(key: int, place: int, moment: datetime) -> dict[str, Any]:
    entry = 1 + (key + place) % _ENTRIES
    return {
        "matched_at": moment, "content_key": key,
        "list_key": 2 if place == 0 and key % _CASES_OF_THE_RARE_LIST == 0 else 1,
        "entry_key": entry, "entry_id": f"e{entry}", "generation": 1, "licensor": "IWF",
        "category": "ABC"[place % 3], "action": "block", "algorithm": "pdq", "hasher_version": "1",
        "value": _blob(key), "distance_bits": 40 if place == 1 else place % 30,
        "threshold_bits": 31, "quality": 100, "frame": 0, "orientation": "original",
    }  # fmt: skip


def _allowed(key: int, moment: datetime) -> dict[str, Any]:
    return {
        "allowed_at": moment, "content_key": key, "list_key": 1, "generation": 1,
        "entry_key": 1 + key % _ENTRIES, "entry_id": "e", "algorithm": "pdq", "distance_bits": 0,
        "allow_list_key": 3, "allow_entry_key": 1, "allow_entry_id": "a", "reason": "logo",
        "actor": "jane",
    }  # fmt: skip


def _case(key: int, matches_each: int, moment: datetime) -> dict[str, Any]:
    state = _STATES[key % len(_STATES)]
    is_open = state in ("open", "in_review")
    return {
        "content_key": key, "content_id": f"post/{key}", "state": state, "priority": key % 10,
        # A tenth of those that wait are late.
        "due_at": moment + timedelta(days=1 if key % 200 < 20 else 2 * DAYS),
        "assignee": ("", "alice", "bob")[key % 3], "opened_at": moment, "changed_at": moment,
        "decided_at": None if is_open else moment + timedelta(minutes=key % 3_000),
        "newest_match": key * matches_each, "reopened": int(key % 50 == 0),
    }  # fmt: skip


def _notes(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    yield {"case_key": key, "at": moment, "actor": "alice", "text": "seen"}


def _looks(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    yield {
        "case_key": key, "content_key": key, "name": ("alice", "bob")[key % 2],
        "reason": "x", "looked_at": moment,
    }  # fmt: skip


def _details(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    if key % 5 == 0:
        yield {
            "case_key": key, "received_at": moment, "key_id": "k1", "sealed": "x",
            "account_digest": f"{key % 1000:064}",
        }  # fmt: skip


def _reports(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    if key % 10 == 0:
        yield {
            "case_key": key, "target": "ncmec", "base": "https://x.example", "is_test": False,
            "stage": "finished", "report_id": str(key), "finished_at": moment,
        }  # fmt: skip


def _messages(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    is_waiting = key % 100 == 0
    yield {
        "kind": "webhook", "target": ("desk", "siem")[key % 2], "subject": f"webhook/{key}",
        "body": "{}", "created_at": moment, "next_attempt_at": moment if is_waiting else None,
        "sent_at": None if is_waiting else moment, "case_key": key,
    }  # fmt: skip


_BEFORE: tuple[tuple[type[Base], Callable[[], Iterator[dict[str, Any]]]], ...] = (
    (Entry, _entries), (Generation, _generations), (EntryActivity, _activity),
    (ListSync, _syncs), (SyncRun, _sync_runs), (AccessToken, _tokens), (DailyCount, _days),
    (ReviewSample, _samples), (SampledMatch, _sampled), (Backfill, _backfills),
    (BackfillShard, _shards), (BackfillResult, _results), (CountedEvent, _events),
    (ConsoleSession, _sessions), (SavedQueue, _queues), *POLICIES, *NOTICES,
    *SHARING,
)  # fmt: skip
_BELOW_CASES: tuple[tuple[type[Base], _Rows], ...] = (
    (CaseNote, _notes), (UploaderDetails, _details), (NCMECReport, _reports),
    (OutboxMessage, _messages), (ContentLook, _looks), (Contribution, _contributions), *DUTIES,
)  # fmt: skip
