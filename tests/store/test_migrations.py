"""The schema: up, down and up again, and never apart from the models."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from hashmatch.config import Settings
from hashmatch.errors import StoreMissingError, StoreSchemaError
from hashmatch.store.engine import Database
from hashmatch.store.engine.database import HEAD_REVISION
from hashmatch.store.migrations import (
    downgrade,
    integrity_problems,
    migrations_folder,
    newest_revision,
    schema_differences,
    upgrade,
)


def _tables(database: Database) -> set[str]:
    with database.connection() as connection:
        return set(inspect(connection).get_table_names())


def test_the_newest_migration_is_the_one_the_program_asks_for() -> None:
    assert newest_revision() == HEAD_REVISION


def test_no_migration_that_landed_was_edited() -> None:
    """Databases out there have run it as it was: a mistake in one is mended by the next."""
    listed = (Path(__file__).parent / "migration_checksums.txt").read_text().splitlines()
    found = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"
        for path in sorted((migrations_folder() / "versions").glob("*.py"))
    ]
    assert found == listed


def test_up_down_and_up_again(database: Database) -> None:
    tables = _tables(database)
    assert {"lists", "entries", "matches", "daily_counts"} <= tables
    downgrade(database, "base")
    assert _tables(database) == {"alembic_version"}
    assert upgrade(database)
    assert _tables(database) == tables
    assert not upgrade(database)


def test_hashes_recorded_before_views_are_of_the_full_view(database: Database) -> None:
    downgrade(database, "0001")
    value = "x'00'" if database.sqlite_path() else r"'\x00'"
    other = "x'01'" if database.sqlite_path() else r"'\x01'"
    with database.writing() as session:
        session.execute(
            text(f"INSERT INTO contents VALUES (1, 'post/1', '', {value}, '', 1, 1, 1)")
        )
        session.execute(
            text(f"INSERT INTO content_hashes VALUES (1, 'pdq', '1', 0, 'original', {value}, 99)")
        )
    upgrade(database)
    query = text("SELECT algorithm, view, quality FROM content_hashes")
    with database.writing() as session:
        assert session.execute(query).all() == [("pdq", "full", 99)]
        session.execute(
            text(
                "INSERT INTO content_hashes (content_key, algorithm, version, frame, orientation,"
                f" view, value) VALUES (1, 'pdq', '1', 0, 'original', 'inner', {other})"
            )
        )
    downgrade(database, "0001")
    with database.reading() as session:
        assert session.execute(text("SELECT value FROM content_hashes")).all() == [(b"\0",)]
    upgrade(database)
    assert schema_differences(database) == []
    assert integrity_problems(database) == []


def test_the_schema_is_that_of_the_models(database: Database) -> None:
    assert schema_differences(database) == []


def test_a_schema_that_drifted_is_noticed(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("ALTER TABLE lists ADD COLUMN extra TEXT"))
        session.execute(text("DROP INDEX uq_entries_active"))
    differences = " / ".join(schema_differences(database))
    assert "extra" in differences
    assert "uq_entries_active" in differences


@pytest.mark.sqlite
def test_the_database_is_written_ahead_and_private(settings: Settings, database: Database) -> None:
    path = settings.data_dir / "hashmatch.db"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    for file in settings.data_dir.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700


def test_a_private_file_is_made_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with closing(Database(f"sqlite:///{tmp_path}/new/h.db")) as database:
            upgrade(database)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new" / "h.db").stat().st_mode) == 0o600


def test_a_sound_database_has_no_problems(database: Database) -> None:
    assert integrity_problems(database) == []


@pytest.mark.sqlite
def test_rows_that_refer_to_nothing_are_a_problem(settings: Settings, database: Database) -> None:
    with closing(sqlite3.connect(settings.data_dir / "hashmatch.db")) as connection:
        connection.execute(
            "INSERT INTO generations (list_key, number, created_at, source, added, withdrawn,"
            " changed) VALUES (99, 1, '2026-01-01 00:00:00', 'x', 0, 0, 0)"
        )
        connection.commit()
    assert integrity_problems(database) == ["1 rows refer to rows that are missing"]


def test_a_database_that_was_never_made_is_missing_and_is_not_made(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/gone.db")) as database:
        with pytest.raises(StoreMissingError, match=r"gone\.db"):
            database.require_current_schema()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_missing_its_schema(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with closing(Database(f"sqlite:///{tmp_path}/empty.db")) as database:
        with pytest.raises(StoreMissingError):
            database.require_current_schema()


def test_a_schema_of_another_version_is_refused(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreSchemaError, match="9999"):
        database.require_current_schema()


def test_a_newer_schema_is_not_upgraded(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreSchemaError) as caught:
        upgrade(database)
    assert "newer" in caught.value.hint


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are my notes, all of them\n" * 100)
    with closing(Database(f"sqlite:///{tmp_path}/notes.db")) as database:
        with pytest.raises(StoreSchemaError, match="not a hashmatch database"):
            database.require_current_schema()
