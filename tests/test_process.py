"""The command line as a real process: signals, pipes, and what it loads."""

from __future__ import annotations

import json
import os
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

_PATIENCE_S = 300
pytestmark = pytest.mark.timeout(2 * _PATIENCE_S)

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
    shown = [json.loads(process.stdout.readline()) for _ in range(5)]
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=_PATIENCE_S)
    shown += [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 2
    assert "interrupted" in errors
    assert len(shown) < 2000
    recorded = {row["match_id"] for row in command_line.json("matches", "list", "--limit", "9999")}
    assert {row["matches"][0]["match_id"] for row in shown} <= recorded
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
    for number in range(20_000):
        process.stdin.write(f"md5,{number:032x}\n")
    process.stdin.flush()
    process.send_signal(blow)
    process.communicate(timeout=_PATIENCE_S)
    assert process.returncode in (2, -blow)
    assert command_line.json("lists", "status") == before
    assert command_line.run("db", "check").exit_code == 0


def test_an_import_that_is_interrupted_in_its_transaction_leaves_the_old_list(
    command_line: CommandLine,
) -> None:
    """The comparison of many rows runs inside SQLite, where Python sees no signal by itself."""
    command_line.import_pictures("one", 1)
    # On a busy machine a short transaction may be over before the signal comes.
    for number in (100_000, 400_000, 1_600_000):
        before = command_line.json("lists", "status")
        rows = (f"md5,{one:032x}\n" for one in range(number))
        big = command_line.write("big.csv", "algorithm,value\n" + "".join(rows))
        process = _start(command_line.folder, "lists", "import", "one", str(big))
        while process.poll() is None and not _is_being_written(command_line.folder):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=_PATIENCE_S)
        if process.returncode != 0:
            break
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


def _decode_in_process(command_line: CommandLine) -> None:
    """Save the time of starting decoding processes."""
    config = command_line.folder / "hashmatch.toml"
    config.write_text(config.read_text() + '[intake]\nisolation = "none"\n')


_COMMANDS = (
    "scan a.jpg", "report export", "--help",
    "hash a.jpg", "matches list", "lists status", "doctor", "--version", "scan --help",
)  # fmt: skip


@pytest.mark.parametrize(
    ("command", "full"),
    [
        pytest.param(
            command,
            full,
            id=f"{command} to a {'full disk' if full else 'closed pipe'}",
            marks=[] if command in _COMMANDS[:3] else pytest.mark.long,
        )
        for command in _COMMANDS
        for full in (False, True)
    ],
)
def test_output_that_cannot_be_written_is_not_taken_for_a_match(
    command_line: CommandLine, command: str, full: bool
) -> None:
    command_line.import_pictures("one", 1)
    command_line.write("a.jpg", drawn(9))
    _decode_in_process(command_line)
    if full and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    reader, writer = os.pipe()
    os.close(reader)
    with Path("/dev/full").open("w") if full else os.fdopen(writer, "w") as output:
        result = subprocess.run(
            [*HASHMATCH, *command.split()],
            cwd=command_line.folder,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert ("No space left" in result.stderr) is full


@pytest.mark.parametrize(
    "arguments",
    [
        "scan a.jpg",
        *(
            pytest.param(one, marks=pytest.mark.long)
            for one in ("scan", "nope", "lists import one /nowhere.csv")
        ),
    ],
)
def test_a_failure_that_cannot_be_written_is_not_taken_for_a_match(
    command_line: CommandLine, arguments: str
) -> None:
    for environment in ({}, {"PYTHONUNBUFFERED": "1"}):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as errors:
            result = subprocess.run(
                [*HASHMATCH, *arguments.split()],
                cwd=command_line.folder,
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert result.returncode == 2


def test_without_stdin_or_stderr_nothing_breaks(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    picture = command_line.write("a.jpg", drawn(1))
    for redirection, arguments, code in (("2>&-", str(picture), 1), ("<&-", "-", 2)):
        shell = f'"{sys.executable}" -m hashmatch scan {arguments} {redirection}'
        result = subprocess.run(
            ["sh", "-c", shell], cwd=command_line.folder, capture_output=True, text=True
        )
        assert result.returncode == code
        assert "Traceback" not in result.stderr


def test_a_narrow_encoding_does_not_break_a_report_off(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    for content_id in ("post/\u4e00", "post/2"):
        command_line.run("scan", "-", "--content-id", content_id, stdin=drawn(1))
    result = subprocess.run(
        [*HASHMATCH, "report", "export"],
        cwd=command_line.folder,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
    )
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 3
    assert b"post/\\u4e00" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    heavy = [
        "numpy",
        "PIL",
        "sqlalchemy",
        "alembic",
        "pydantic",
        "rich",
        "scipy",
        "imagehash",
        "numba",
    ]
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


@pytest.mark.parametrize("command", ["recall", "false-matches", "thresholds", "review", "what-if"])
def test_help_of_measuring_loads_nothing_heavy(command: str) -> None:
    heavy = ["numpy", "PIL", "sqlalchemy", "pydantic", "scipy", "imagehash", "numba", "jinja2"]
    code = (
        "import sys\n"
        "from hashmatch.cli.main import cli\n"
        f"cli(['evaluate', {command!r}, '--help'], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["lists", "db", "matches", "report"])
def test_keeping_lists_loads_no_hasher(command: str) -> None:
    heavy = ["scipy", "imagehash", "pywt", "numba"]
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
