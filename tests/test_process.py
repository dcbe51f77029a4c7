"""The command line as a real process: signals, pipes, and what it loads."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.pictures import drawn

HASHMATCH = [sys.executable, "-m", "hashmatch"]


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*HASHMATCH, *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_stops_a_scan_and_what_was_recorded_stays(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    known = command_line.write("known.jpg", drawn(1))
    (command_line.folder / "in").mkdir()
    for number in range(2000):
        (command_line.folder / "in" / f"{number:04}.jpg").symlink_to(known)
    process = _start(command_line.folder, "scan", "--recursive", "in", "--json")
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline()) for _ in range(5)]
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    told += [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 2
    assert "interrupted" in errors
    assert len(told) < 2000
    recorded = {row["match_id"] for row in command_line.json("matches", "list", "--limit", "9999")}
    assert {row["matches"][0]["match_id"] for row in told} <= recorded
    assert command_line.run("db", "check").exit_code == 0


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_import_that_is_stopped_leaves_the_old_list(
    command_line: CommandLine, blow: signal.Signals
) -> None:
    command_line.import_pictures("one", 1)
    before = command_line.json("lists", "status")
    process = _start(command_line.folder, "lists", "import", "one", "-", "--format", "csv")
    assert process.stdin is not None
    process.stdin.write("algorithm,value\n")
    for number in range(100_000):
        process.stdin.write(f"md5,{number:032x}\n")
    process.stdin.flush()
    process.send_signal(blow)
    process.communicate(timeout=60)
    assert process.returncode in (2, -blow)
    assert command_line.json("lists", "status") == before
    assert command_line.run("db", "check").exit_code == 0


def test_an_import_that_is_interrupted_in_its_transaction_leaves_the_old_list(
    command_line: CommandLine,
) -> None:
    """The comparison of many rows runs inside SQLite, where Python sees no signal by itself."""
    command_line.import_pictures("one", 1)
    before = command_line.json("lists", "status")
    rows = (f"md5,{number:032x}\n" for number in range(400_000))
    big = command_line.write("big.csv", "algorithm,value\n" + "".join(rows))
    process = _start(command_line.folder, "lists", "import", "one", str(big))
    while process.poll() is None and not _is_being_written(command_line.folder):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert "interrupted" in errors
    assert command_line.json("lists", "status") == before


def _is_being_written(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / "data" / "hashmatch.db", timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.rollback()
        return False


def test_a_reader_that_goes_away_is_not_taken_for_a_match(command_line: CommandLine) -> None:
    picture = command_line.write("a.jpg", drawn(1))
    process = _start(command_line.folder, "hash", *[str(picture)] * 50)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 2
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    if process.stdin is not None:
        process.stdin.close()


def test_help_loads_nothing_heavy() -> None:
    heavy = ["numpy", "PIL", "sqlalchemy", "alembic", "pydantic", "rich", "scipy", "imagehash"]
    code = (
        "import sys\n"
        "from hashmatch.cli.main import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "Usage: " in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["lists", "db", "matches", "report"])
def test_keeping_lists_loads_no_hasher(command: str) -> None:
    heavy = ["scipy", "imagehash", "pywt"]
    code = (
        "import sys\n"
        "from hashmatch.cli.main import cli\n"
        f"cli([{command!r}, '--help'], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"
