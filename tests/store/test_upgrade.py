"""A store of the first schema that landed, with data in it, is upgraded and goes on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import DateTime, MetaData, Table, select, text
from sqlalchemy.orm import Session

from hashmatch.audit import verify
from hashmatch.config import Settings
from hashmatch.outcome import Clear, Matched
from hashmatch.reports import report_rows
from hashmatch.screening import Scanner
from hashmatch.store.engine import Database
from hashmatch.store.matches import MatchFilter, read_daily_counts
from hashmatch.store.migrations import (
    downgrade,
    integrity_problems,
    schema_differences,
    upgrade,
)
from hashmatch.store.schema import Case, MatchRecord
from tests.pictures import drawn, hashes_of
from tests.scanning import scanner_maker

_FIRST = "0001"
# When the first schema was in use.
_THEN = datetime(2026, 2, 1, 12, tzinfo=UTC)


def _insert(session: Session, table: str, *rows: dict[str, Any]) -> None:
    """Insert rows into a table as it is at this revision; times without a zone are not given."""
    own = Table(table, MetaData(), autoload_with=session.connection())
    for row in rows:
        for name in row.keys() & {one.name for one in own.c if isinstance(one.type, DateTime)}:
            own.c[name].type = DateTime(timezone=True)
        session.execute(own.insert(), row)


def _fill(session: Session) -> None:
    """Write what the program of that time wrote: one list, and two images that matched it."""
    listed = {seed: hashes_of(seed, "pdq")["pdq"] for seed in (1, 2)}
    _insert(session, "lists", {
        "key": 1, "name": "one", "licensor": "IWF", "licence_end": None, "generation": 1,
        "active_entries": 2, "created_at": _THEN, "removed_at": None,
    })  # fmt: skip
    _insert(session, "generations", {
        "list_key": 1, "number": 1, "created_at": _THEN, "source": "one.csv", "added": 2,
        "withdrawn": 0, "changed": 0,
    })  # fmt: skip
    for seed, own in listed.items():
        _insert(session, "entries", {
            "key": seed, "list_key": 1, "algorithm": "pdq", "value": own.value,
            "entry_id": f"e{seed}", "category": "A", "tags": "", "added_at": "", "note": "",
            "added_generation": 1, "withdrawn_generation": None, "withdrawn_by_operator": False,
        })  # fmt: skip
        _insert(session, "contents", {
            "key": seed, "content_id": f"post/{seed}", "reference": "s3://x",
            "fingerprint": bytes([seed]), "format": "JPEG", "width": 1, "height": 1, "frames": 1,
        })  # fmt: skip
        _insert(session, "content_hashes", {
            "content_key": seed, "algorithm": "pdq", "version": "1", "frame": 0,
            "orientation": "original", "value": own.value, "quality": 100,
        })  # fmt: skip
        _insert(session, "matches", {
            "key": seed, "matched_at": _THEN, "content_key": seed, "list_key": 1,
            "entry_key": seed, "generation": 1, "licensor": "IWF", "entry_id": f"e{seed}",
            "category": "A", "action": "block", "algorithm": "pdq", "hasher_version": "1",
            "value": own.value, "distance_bits": 0, "threshold_bits": 31, "quality": 100,
            "frame": 0, "orientation": "original",
        })  # fmt: skip
    day = {"day": _THEN.date(), "reason": ""}
    _insert(session, "daily_counts", {**day, "outcome": "clear", "count": 7},
            {**day, "outcome": "matched", "count": 2})  # fmt: skip


def _upgraded(database: Database) -> datetime:
    """Bring a store of the first schema to the newest one, and return when that began."""
    downgrade(database, _FIRST)
    with database.writing() as session:
        _fill(session)
        if database.sqlite_path() is None:
            for table in ("lists", "entries", "contents", "matches"):
                session.execute(text(f"SELECT setval('{table}_key_seq', 2)"))
    begun = datetime.now(UTC)
    assert upgrade(database)
    return begun


def test_nothing_of_the_first_schema_is_lost(database: Database) -> None:
    _upgraded(database)
    assert schema_differences(database) == []
    assert integrity_problems(database) == []
    with database.reading() as session:
        rows = list(report_rows(session, MatchFilter()))
        assert [(one.content_id, one.entry_id, one.list) for one in rows] == [
            ("post/1", "e1", "one"), ("post/2", "e2", "one"),
        ]  # fmt: skip
        counts = read_daily_counts(session, date(2026, 1, 1), date(2026, 12, 31))
        assert counts == {("clear", ""): 7, ("matched", ""): 2}
        assert verify(session, {}).problems == []


def test_cases_of_matches_from_before_cases_are_due_from_the_upgrade_on(
    database: Database,
) -> None:
    """They were due when the match was found, so that all of them were overdue at once."""
    begun = _upgraded(database)
    with database.reading() as session:
        cases = session.scalars(select(Case).order_by(Case.content_id)).all()
        assert [(one.content_id, one.state) for one in cases] == [
            ("post/1", "open"), ("post/2", "open"),
        ]  # fmt: skip
        for one in cases:
            assert begun <= one.due_at <= datetime.now(UTC)
            assert one.opened_at == _THEN


def test_the_list_still_matches_and_new_matches_are_recorded(
    database: Database, settings: Settings
) -> None:
    _upgraded(database)
    made: list[Scanner] = []
    scanner = scanner_maker(settings, database, made)()
    again = scanner.scan(drawn(1), content_id="post/9")
    assert isinstance(again, Matched)
    assert [one.entry_id for one in again.matches] == ["e1"]
    assert isinstance(scanner.scan(drawn(8), content_id="post/8"), Clear)
    with database.reading() as session:
        assert len(session.scalars(select(MatchRecord)).all()) == 3
    for one in made:
        one.close()


def test_an_upgrade_from_a_schema_with_cases_leaves_their_clocks_alone(
    database: Database,
) -> None:
    _upgraded(database)
    with database.reading() as session:
        before = session.scalars(select(Case.due_at).order_by(Case.key)).all()
    downgrade(database, "0012")
    assert upgrade(database)
    with database.reading() as session:
        assert session.scalars(select(Case.due_at).order_by(Case.key)).all() == before
