"""A store of the schema before the renames, written by the program of that time, keeps its data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import DateTime, MetaData, Table, select, text
from sqlalchemy.orm import Session

from hashmatch.audit import verify
from hashmatch.store.engine import Database
from hashmatch.store.migrations import (
    downgrade,
    integrity_problems,
    schema_differences,
    upgrade,
)
from hashmatch.store.schema import (
    AllowedMatchRecord,
    Case,
    CaseNote,
    ContentHash,
    Entry,
    ListSync,
    MatchRecord,
    NCMECReport,
    QuarantinedDelivery,
    QuarantinedRow,
    SyncRun,
    UnsupportedHash,
    UploaderDetails,
)

# `details` of two cases, a match of a picture beside the one that is shown, an entry that the
# operator took out, matches that an allow list explains, of which one was removed by its age, and
# a delivery that a guard stopped; the audit log is signed.
STORE = json.loads((Path(__file__).parent / "store_at_0011.json").read_text())
_OF_THE_LOG = {"audit_records", "audit_head", "audit_checkpoints"}


@pytest.fixture
def older(database: Database) -> Database:
    """The store at schema 0011, with the rows of that time."""
    downgrade(database, "0011")
    with database.writing() as session:
        for name in ("audit_records", "audit_head", "store_identity"):
            session.execute(text(f"DELETE FROM {name}"))
        for name, table in STORE["tables"].items():
            _insert(session, name, table)
        for name, last in STORE["sequences"].items():
            session.execute(text(_continue_keys(database, name, last)))
    return database


def _insert(session: Session, name: str, table: Mapping[str, Any]) -> None:
    own = Table(name, MetaData(), autoload_with=session.connection())
    rows = [
        {
            column: _value(own.c[column].type, value)
            for column, value in zip(table["columns"], row, strict=True)
        }
        for row in table["rows"]
    ]
    session.execute(own.insert(), rows)


def _value(kind: object, value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    if isinstance(kind, DateTime) and value is not None:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if str(kind) == "DATE":
        return datetime.fromisoformat(value).date() if value else None
    return bool(value) if str(kind) == "BOOLEAN" else value


def _continue_keys(database: Database, table: str, last: int) -> str:
    if database.sqlite_path() is None:
        return f"SELECT setval('{table}_key_seq', {last})"
    return f"UPDATE sqlite_sequence SET seq = {last} WHERE name = '{table}'"


def _rows(database: Database) -> dict[str, list[Any]]:
    """Return all rows of all tables but the log's, by table."""
    with database.reading() as session:
        tables = MetaData()
        tables.reflect(session.connection())
        return {
            name: sorted(map(repr, session.execute(select(table)).all()))
            for name, table in tables.tables.items()
            if name not in _OF_THE_LOG and name != "alembic_version"
        }


def _problems(database: Database) -> list[str]:
    with database.reading() as session:
        return [f"{one.place}: {one.problem}" for one in verify(session, {}).problems]


def test_every_renamed_value_is_read_under_its_new_name(older: Database) -> None:
    upgrade(older)
    with older.reading() as session:
        views = list(session.scalars(select(MatchRecord.view).order_by(MatchRecord.key)))
        assert views == ["embedded", "embedded-on-black-inner", *["full"] * 6]
        assert {"embedded", "full"} <= set(session.scalars(select(ContentHash.view)))
        assert sum(session.scalars(select(Entry.disabled))) == 2
        assert session.scalars(select(UnsupportedHash.entry_id)).all() == ["e9"]
        assert session.scalars(select(SyncRun.rejected_rows)).all() == [3]
        delivery = session.scalars(select(QuarantinedDelivery)).one()
        assert (delivery.is_full, delivery.retain_all) == (True, False)
        parts = set(session.scalars(select(QuarantinedRow.part)))
        assert parts == {"staged", "unsupported", "updates", "retained"}
        allowed = session.scalars(select(AllowedMatchRecord)).all()
        assert [one.key for one in allowed] == [1, 2, 3]
        assert {(one.actor, one.reason) for one in allowed} == {("alice", "drawn by us")}
        assert session.scalars(select(UploaderDetails.case_key)).all() == [1, 2]
        held = session.execute(select(Case.key, Case.legal_hold).where(Case.legal_hold != ""))
        assert held.all() == [(2, "a court asks")]
        assert session.scalars(select(CaseNote.actor)).all() != [""]
        assert session.scalars(select(NCMECReport.stage)).all() == ["unknown"]
        assert session.scalars(select(ListSync)).all() == []
    assert schema_differences(older) == []
    assert integrity_problems(older) == []


def test_the_audit_log_is_as_intact_as_before(older: Database) -> None:
    upgrade(older)
    assert _problems(older) == []
    with older.reading() as session:
        found = verify(session, {})
        assert found.records > len(STORE["tables"]["audit_records"]["rows"])


def test_the_signature_before_the_migration_is_kept(older: Database) -> None:
    (signed,) = STORE["tables"]["audit_head"]["rows"]
    upgrade(older)
    with older.reading() as session:
        rows = session.execute(text("SELECT number, signature FROM audit_checkpoints")).all()
    assert [(number, bytes(one).hex()) for number, one in rows] == [(signed[1], signed[5]["hex"])]


@pytest.mark.parametrize(
    ("tampering", "place"),
    [
        ("UPDATE matches SET action = 'allow' WHERE key = 3", "matches 3"),
        ("DELETE FROM matches WHERE key = 3", "matches 3"),
        ("UPDATE matches SET view = 'inner' WHERE key = 3", "matches 3"),
        ("UPDATE suppressions SET reason = 'x' WHERE key = 2", "allowed_matches 2"),
        ("DELETE FROM suppressions WHERE key = 2", "allowed_matches 2"),
        ("UPDATE suppressions SET key = 4 WHERE key = 2", "allowed_matches 4"),
        ("UPDATE case_details SET sealed = 'x' WHERE case_key = 1", "uploader_details 1"),
        ("DELETE FROM case_details WHERE case_key = 1", "uploader_details 1"),
        ("UPDATE ncmec_reports SET report_id = '78'", "ncmec_reports 1"),
    ],
)
@pytest.mark.sqlite
def test_no_migration_launders_a_tampering(older: Database, tampering: str, place: str) -> None:
    with older.writing() as session:
        session.execute(text(tampering))
    upgrade(older)
    assert any(one.startswith(f"{place}:") for one in _problems(older))


def test_down_and_up_again_loses_nothing(older: Database) -> None:
    before = _rows(older)
    upgrade(older)
    renamed = _rows(older)
    downgrade(older, "0011")
    assert _rows(older) == before
    upgrade(older)
    assert _rows(older) == renamed
    assert _problems(older) == []


def test_keys_of_removed_rows_are_not_given_again(older: Database) -> None:
    upgrade(older)
    with older.writing() as session:
        (row,) = session.scalars(select(AllowedMatchRecord).where(AllowedMatchRecord.key == 1))
        values = {name: getattr(row, name) for name in row.audited if name != "key"}
        session.add(new := AllowedMatchRecord(**{**values, "entry_key": 99}))
        session.flush()
        # The fourth was removed before the migration.
        assert new.key == 5
