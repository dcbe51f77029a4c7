"""`hashmatch db`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.command_line import CommandLine


def test_db_check_finds_a_sound_database_and_a_damaged_one(matched: CommandLine) -> None:
    assert "sound" in matched.run("db", "check").stderr
    assert matched.run("db", "upgrade").exit_code == 0
    with closing(sqlite3.connect(matched.folder / "data" / "hashmatch.db")) as connection:
        connection.execute("DELETE FROM contents")
        connection.commit()
    result = matched.run("db", "check")
    assert result.exit_code == 2
    assert "rows refer to rows that are missing" in result.stderr
