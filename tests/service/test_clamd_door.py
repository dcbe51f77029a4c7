"""The door of clamd: programs that ask a virus scanner get OK only for what is clear."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from tests.pictures import drawn
from tests.programs import require_program
from tests.scanning import recorded
from tests.service.doors import MAX_BYTES, OPTIONS, Doors, rest_of, serving_doors
from tests.store.importing import import_text

_FOUND, _OK = b"stream: Policy.Match FOUND", b"stream: OK"


def _stream(data: bytes, piece: int = 8_192) -> bytes:
    chunks = [data[at : at + piece] for at in range(0, len(data), piece)]
    return b"".join(struct.pack(">I", len(one)) + one for one in [*chunks, b""])


def test_a_file_is_found_or_ok_or_an_error(doors: Doors) -> None:
    for by_port in (False, True):
        for data, answer in (
            (drawn(1), _FOUND),
            (drawn(3), _OK),
            (drawn(3)[:500], b"stream: not screened (truncated) ERROR"),
            (b"no image", b"stream: not screened (unsupported) ERROR"),
            (b"", b"stream: not screened (empty) ERROR"),
        ):
            assert doors.told(b"zINSTREAM\0", _stream(data), by_port=by_port) == answer + b"\0"
    assert recorded(doors.database) == 2  # The same bytes are one content item, by either door.


def test_commands_are_answered_as_the_manual_has_them(doors: Doors) -> None:
    assert doors.told(b"zPING\0") == b"PONG\0"
    assert doors.told(b"nPING\n") == b"PONG\n"
    assert doors.told(b"PING\n") == b"PONG\n"
    assert doors.told(b"PING") == b"PONG\n"
    assert doors.told(b"zVERSION\0").startswith(b"hashmatch ")
    assert b"| COMMANDS: PING " in doors.told(b"nVERSIONCOMMANDS\n")
    assert doors.told(b"zSHUTDOWN\0") == b"UNKNOWN COMMAND\0"
    assert doors.told(b"zSCAN /etc/passwd\0").endswith(b"stream them. ERROR\0")
    assert doors.told(b"") == b""


def test_a_session_numbers_its_answers(doors: Doors) -> None:
    answer = doors.told(
        b"zIDSESSION\0", b"zINSTREAM\0", _stream(drawn(1)), b"zPING\0", b"nINSTREAM\n",
        _stream(drawn(3), 100), b"zEND\0",
    )  # fmt: skip
    assert answer == b"1: " + _FOUND + b"\0" + b"2: PONG\0" + b"3: " + _OK + b"\n"


def test_nothing_is_answered_before_all_was_seen(doors: Doors) -> None:
    stream = _stream(drawn(3))
    with doors.clamd() as connection:
        connection.sendall(b"zINSTREAM\0" + stream[:-4])
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(60)
        connection.sendall(stream[-4:])
        assert rest_of(connection) == _OK + b"\0"
    # Cut off, there is no answer at all.
    assert doors.told(b"zINSTREAM\0", stream[:-4]) == b""
    assert doors.told(b"zINSTREAM\0", stream[:1000]) == b""


def test_a_file_beyond_the_limit_is_an_error_and_ends_the_connection(doors: Doors) -> None:
    data = drawn(3) + bytes(MAX_BYTES)
    answer = doors.told(b"zIDSESSION\0", b"zINSTREAM\0", _stream(data), b"zPING\0")
    assert answer == b"1: INSTREAM size limit exceeded. ERROR\0"
    # Announced, and never sent.
    assert doors.told(b"zINSTREAM\0", struct.pack(">I", 2**32 - 1), b"x") == b""


def test_hostile_streams_end_their_connection_and_nothing_else(doors: Doors) -> None:
    chosen = random.Random(5)
    whole = b"zIDSESSION\0zINSTREAM\0" + _stream(drawn(1)[:3_000], 700) + b"nVERSION\nzEND\0"
    for _ in range(1_000):
        data = bytearray(whole[: chosen.randint(1, len(whole))])
        for _ in range(chosen.randint(0, 4)):
            data[chosen.randrange(len(data))] = chosen.randrange(256)
        answer = doors.told(bytes(data), by_port=chosen.random() < 0.5)
        assert b"OK" not in answer
    assert doors.told(b"zINSTREAM\0", _stream(drawn(3))) == _OK + b"\0"


def test_other_files_are_told_by_their_bytes_where_that_is_asked_for(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    import_text(database, "films", "algorithm,value\nsha256," + _sha256(b"a film") + "\n")
    with serving_doors(settings, database, tmp_path, other_files="exact") as doors:
        for data, answer in (
            (b"a film", _FOUND), (b"another film", _OK), (b"", _OK), (drawn(1), _FOUND),
            (drawn(3), _OK), (drawn(3)[:500], b"stream: not screened (truncated) ERROR"),
        ):  # fmt: skip
            assert doors.told(b"zINSTREAM\0", _stream(data)) == answer + b"\0"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_others_are_not_let_in(settings: Settings, database: Database, tmp_path: Path) -> None:
    with serving_doors(settings, database, tmp_path, networks=["10.0.0.0/8"]) as doors:
        assert doors.told(b"zPING\0", by_port=True) == b""
        assert doors.asked(OPTIONS) == b""
        assert doors.told(b"zPING\0") == b"PONG\0"  # Guarded by its permissions.
        assert doors.path.stat().st_mode & 0o777 == 0o600


def test_a_socket_that_was_left_is_taken_over(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "clamd.sock"))
    with serving_doors(settings, database, tmp_path) as doors:
        assert doors.told(b"zPING\0") == b"PONG\0"


def test_clamdscan_understands_the_door(doors: Doors, tmp_path: Path) -> None:
    require_program("clamdscan")
    config = tmp_path / "clamd.conf"
    config.write_text(f"LocalSocket {doors.path}\nStreamMaxLength 25M\n")
    files = {"listed": drawn(1), "clear": drawn(3), "broken": drawn(3)[:500],
             "large": drawn(3) + bytes(MAX_BYTES)}  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def scan(*names: str, more: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        command = ["clamdscan", f"--config-file={config}", "--stream", "--no-summary", *more]
        return subprocess.run(
            [*command, *(str(tmp_path / one) for one in names)], capture_output=True, text=True
        )

    for more in ((), ("--multiscan",)):  # One connection for each file, or a session.
        assert (scan("clear", more=more).returncode, scan("listed", more=more).returncode) == (0, 1)
        assert "listed: Policy.Match FOUND" in scan("clear", "listed", more=more).stdout
        for name in ("broken", "large"):
            ended = scan(name, more=more)
            assert ended.returncode == 2
            assert "ERROR" in ended.stdout + ended.stderr
    pinged = subprocess.run(
        ["clamdscan", f"--config-file={config}", "--ping", "1"], capture_output=True, text=True
    )
    assert pinged.returncode == 0
