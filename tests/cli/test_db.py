"""`hashmatch db`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hashmatch.store.backup import back_up
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list
from hashmatch.store.migrations import downgrade
from hashmatch.store.schema import Entry
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


def test_an_upgrade_withdraws_degenerate_hashes_of_before(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1, algorithms=("phash",))
    with closing(Database(f"sqlite:///{command_line.folder}/data/hashmatch.db")) as database:
        with database.writing() as session:
            one = find_list(session, "one")
            value = bytes.fromhex("80" + "00" * 7)
            session.add(Entry(list_key=one.key, algorithm="phash", value=value, added_generation=1))
            one.active_entries += 1
        downgrade(database, "0015")
    upgraded = command_line.run("db", "upgrade")
    assert upgraded.exit_code == 0
    assert "list one: 1 degenerate hashes are not matched any more" in upgraded.stderr
    (row,) = command_line.json("lists", "status")
    assert (row["entries"], row["degenerate"]) == ({"phash": 1}, {"phash": 1})
    assert "1 phash" in command_line.run("lists", "status").stdout
    assert command_line.run("lookup", "phash:8000000000000000").exit_code == 0
    assert "degenerate" not in command_line.run("db", "upgrade").stderr


def test_a_backup_is_made_and_restored(matched: CommandLine) -> None:
    file = matched.folder / "backup.db"
    made = matched.run("db", "backup", str(file))
    assert made.exit_code == 0
    assert f"{file}: " in made.stderr
    again = matched.run("db", "backup", str(file))
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    matches = matched.json("matches", "list")
    refused = matched.run("db", "restore", str(file))
    assert refused.exit_code == 2
    assert "--replace" in refused.stderr
    (matched.folder / "data" / "hashmatch.db").unlink()
    restored = matched.run("db", "restore", str(file))
    assert restored.exit_code == 0
    assert "restored" in restored.stderr
    assert "next:" not in restored.stderr
    assert matched.json("matches", "list") == matches
    replaced = matched.run("db", "restore", str(file), "--replace")
    assert "was renamed to" in replaced.stderr


def test_an_older_backup_says_that_its_schema_is_to_be_upgraded(matched: CommandLine) -> None:
    with closing(Database(f"sqlite:///{matched.folder}/data/hashmatch.db")) as database:
        back_up(database, matched.folder / "newest.db")
    with closing(Database(f"sqlite:///{matched.folder}/newest.db")) as database:
        downgrade(database, "0036")
    restored = matched.run("db", "restore", str(matched.folder / "newest.db"), "--replace")
    assert "next: hashmatch db upgrade" in restored.stderr
    assert matched.run("db", "upgrade").exit_code == 0
