"""Backups of the store: one state of it, made while others write, and put back as a whole."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from hashmatch.audit import verify
from hashmatch.errors import InputError, StoreError, StoreExchangedError, StoreSchemaError
from hashmatch.store.backup import back_up, restore
from hashmatch.store.engine import HEAD_REVISION, Database
from hashmatch.store.lists import create_list, read_lists
from hashmatch.store.schema import AuditBatch, AuditRecord, HashList
from tests import postgresql
from tests.pictures import list_of
from tests.store.importing import import_text


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own programs, of the server's version."""
    monkeypatch.setenv("PATH", f"{postgresql.programs()}{os.pathsep}{os.environ['PATH']}")


@contextmanager
def _other(database: Database, folder: Path) -> Iterator[Database]:
    """Yield a place of the same kind where no store is yet."""
    if database.sqlite_path() is not None:
        with closing(Database(f"sqlite:///{folder}/other/hashmatch.db")) as other:
            yield other
    else:
        with postgresql.new_database() as url, closing(Database(url)) as other:
            yield other


def _names(database: Database) -> list[str]:
    with database.reading() as session:
        return [one.name for one in read_lists(session)]


def test_a_backup_restores_all_that_was_there_and_is_on_record(
    database: Database, tmp_path: Path
) -> None:
    import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256")))
    made = back_up(database, tmp_path / "backup")
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert (made.size_bytes, made.revision) == (made.path.stat().st_size, HEAD_REVISION)
    with database.writing() as session:
        create_list(session, "later", kind="own")
    with _other(database, tmp_path) as other:
        assert restore(other, made.path).revision == HEAD_REVISION
        assert _names(other) == ["one"]
        with other.reading() as session:
            found = verify(session, {})
            waiting = "".join(session.scalars(select(AuditBatch.records)))
            sealed = session.scalars(select(AuditRecord.action)).all()
        assert found.problems == []
        for action in ("store.backed_up", "store.restored"):
            assert action in sealed or action in waiting
    assert sorted(one.name for one in tmp_path.iterdir() if "backup" in one.name) == ["backup"]


def test_a_backup_is_one_state_of_a_store_that_others_change(
    database: Database, tmp_path: Path
) -> None:
    """A pair of lists is always made in one write: no backup has one of them alone."""
    import_text(database, "one", list_of(1, algorithms=("sha256",)))
    ended, number = threading.Event(), 0

    def write() -> None:
        nonlocal number
        while not ended.is_set():
            with database.writing() as session:
                session.add(HashList(name=f"a-{number}", kind="own"))
                session.add(HashList(name=f"b-{number}", kind="own"))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        paths = [back_up(database, tmp_path / f"backup-{one}").path for one in range(3)]
    finally:
        ended.set()
        writer.join()
    assert number > 0
    for path in paths:
        with _other(database, tmp_path / f"of-{path.name}") as other:
            restore(other, path)
            names = set(_names(other)) - {"one"}
            assert {one[2:] for one in names if one[0] == "a"} == {
                one[2:] for one in names if one[0] == "b"
            }


@pytest.mark.sqlite
def test_a_database_that_is_there_is_renamed_and_whoever_has_it_open_stops(
    database: Database, tmp_path: Path
) -> None:
    import_text(database, "one", list_of(1, algorithms=("sha256",)))
    path = back_up(database, tmp_path / "backup").path
    with database.writing() as session:
        create_list(session, "later", kind="own")
    with closing(Database(database.url)) as restoring:
        with pytest.raises(InputError, match="there is a database already"):
            restore(restoring, path)
        assert _names(database) == ["later", "one"]
    with closing(Database(database.url)) as restoring:
        renamed = restore(restoring, path, replace=True).renamed
        assert renamed is not None
        assert _names(restoring) == ["one"]
    with pytest.raises(StoreExchangedError):
        _names(database)
    # The one before has everything, what was in its log among it.
    with closing(Database(f"sqlite:///{renamed}")) as before:
        assert _names(before) == ["later", "one"]


def test_postgresql_is_restored_into_an_empty_database_alone(
    database: Database, tmp_path: Path
) -> None:
    path = back_up(database, tmp_path / "backup").path
    if database.sqlite_path() is None:
        with pytest.raises(InputError, match="not empty"):
            restore(database, path, replace=True)
    with pytest.raises(InputError, match="exists already"):
        back_up(database, path)
    with pytest.raises(InputError, match="no such file"):
        restore(database, tmp_path / "elsewhere", replace=True)


def test_what_is_no_backup_changes_nothing(database: Database, tmp_path: Path) -> None:
    whole = back_up(database, tmp_path / "backup").path.read_bytes()
    with closing(sqlite3.connect(tmp_path / "foreign")) as other:
        other.execute("CREATE TABLE alembic_version (version_num)")
        other.commit()
    damaged = bytearray(whole)
    damaged[len(whole) // 2 : len(whole) // 2 + 40_000] = bytes(40_000)
    for name, data in (
        ("text", b"no backup"), ("empty", b""), ("cut", whole[: len(whole) // 2]),
        ("foreign", (tmp_path / "foreign").read_bytes()), ("damaged", bytes(damaged)),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        with _other(database, tmp_path) as other_place:
            with pytest.raises(StoreError):
                restore(other_place, tmp_path / name)
            if (path := other_place.sqlite_path()) is not None:
                assert not path.exists()
            else:
                assert other_place.schema_revision() is None


@pytest.mark.sqlite
def test_a_copy_by_other_means_is_restored_with_its_log(database: Database, tmp_path: Path) -> None:
    import_text(database, "one", list_of(1, algorithms=("sha256",)))
    source = database.sqlite_path()
    assert source is not None
    (tmp_path / "copy").mkdir()
    for one in source.parent.glob(f"{source.name}*"):
        (tmp_path / "copy" / one.name).write_bytes(one.read_bytes())
    with _other(database, tmp_path) as other:
        restore(other, tmp_path / "copy" / source.name)
        assert _names(other) == ["one"]


@pytest.mark.sqlite
def test_a_backup_of_a_newer_version_is_refused(database: Database, tmp_path: Path) -> None:
    path = back_up(database, tmp_path / "backup").path
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
        opened.commit()
    with _other(database, tmp_path) as other, pytest.raises(StoreSchemaError, match="9999"):
        restore(other, path)


def test_a_program_that_is_missing_is_named(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if database.sqlite_path() is not None:  # It needs none.
        assert back_up(database, tmp_path / "backup").size_bytes > 0
        return
    with pytest.raises(StoreError, match="pg_dump is not installed"):
        back_up(database, tmp_path / "backup")
    assert list(tmp_path.glob("backup*")) == []
