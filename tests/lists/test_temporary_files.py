"""Temporary files of an import: without a name, and for their owner alone."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from hashmatch.lists import unpacked
from hashmatch.store.engine import Database

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux shows open files")


def _modes_of_unnamed_files() -> list[int]:
    """Return the permissions of the open files of this process that no folder has a name for."""
    links = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    unnamed = [one.stat() for one in links if str(one.readlink()).endswith(" (deleted)")]
    return [stat.S_IMODE(one.st_mode) for one in unnamed if stat.S_ISREG(one.st_mode)]


@pytest.mark.sqlite
def test_rows_that_memory_cannot_hold_lie_in_a_file_without_a_name(database: Database) -> None:
    before = _modes_of_unnamed_files()
    with database.connection() as connection:
        connection.exec_driver_sql("PRAGMA temp.cache_size = 1")
        connection.exec_driver_sql("CREATE TEMPORARY TABLE staged (value BLOB)")
        assert _modes_of_unnamed_files() == before
        for _ in range(100):
            connection.exec_driver_sql("INSERT INTO staged VALUES (zeroblob(4000))")
        assert _modes_of_unnamed_files() == [*before, 0o600]
        connection.invalidate()
    assert _modes_of_unnamed_files() == before


def test_an_archive_from_a_pipe_is_copied_to_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = _modes_of_unnamed_files()
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as target, zipfile.ZipFile(target, "w") as archive:
        archive.writestr("list.csv", "algorithm,value\n")
    with os.fdopen(reader, "rb") as pipe, unpacked(pipe, "list.zip"):
        assert list(tmp_path.iterdir()) == []
        assert sorted(_modes_of_unnamed_files()) == sorted([*before, 0o600])
    assert _modes_of_unnamed_files() == before
