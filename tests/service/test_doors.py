"""Doors: what virus scanners' clients send, and that nothing unscreened is ever called clear."""

from __future__ import annotations

import gzip
import hashlib
import random
import re
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from tests.command_line import CommandLine
from tests.pictures import drawn, list_of
from tests.programs import require_program
from tests.scanning import recorded
from tests.service.serving import PATIENCE_S, free_port, serving
from tests.store.importing import import_text

_MAX_BYTES = 300_000
_FOUND, _OK = b"stream: Policy.Match FOUND", b"stream: OK"


class _Doors:
    """Addresses of a service's doors, and clients that say what they are to say."""

    def __init__(self, path: Path, port: int, icap: int, database: Database) -> None:
        self.path, self.port, self.icap = path, port, icap
        self.database = database

    @contextmanager
    def clamd(self, *, by_port: bool = False) -> Iterator[socket.socket]:
        """Connect to the door of clamd."""
        with socket.socket(socket.AF_INET if by_port else socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(("127.0.0.1", self.port) if by_port else str(self.path))
            yield connection

    def told(self, *messages: bytes, by_port: bool = False) -> bytes:
        """Return all that the door of clamd answers to some messages."""
        with self.clamd(by_port=by_port) as connection:
            with suppress(OSError):  # It may be closed at once.
                for one in messages:
                    connection.sendall(one)
                connection.shutdown(socket.SHUT_WR)
            return _rest(connection)

    def asked(self, message: bytes) -> bytes:
        """Return all that the door of ICAP answers."""
        with socket.create_connection(("127.0.0.1", self.icap), timeout=60) as connection:
            with suppress(OSError):  # It may be closed at once.
                connection.sendall(message)
                connection.shutdown(socket.SHUT_WR)
            return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionError:
        pass  # It was closed with something unread.
    return received


@contextmanager
def _serving(
    settings: Settings, database: Database, folder: Path, **doors: Any
) -> Iterator[_Doors]:
    """Serve doors over a list of drawings 1 and 2."""
    import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256")))
    path, port, icap = folder / "clamd.sock", free_port(), free_port()
    with ExitStack() as opened:
        for place, address in (("clamd", f"unix:{path}"), ("clamd", f"127.0.0.1:{port}")):
            given = {"icap": f"127.0.0.1:{icap}" if address.startswith("unix") else "", **doors}
            chosen = Settings.model_validate(
                {
                    "data_dir": settings.data_dir,
                    "database": {"url": settings.database_url},
                    "intake": {"isolation": "none", "workers": 2, "max_bytes": _MAX_BYTES},
                    "service": {"body_timeout_s": 20},
                    "doors": {place: address, **given},
                }
            )
            opened.enter_context(serving(chosen, database))
        yield _Doors(path, port, icap, database)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Doors]:
    """Doors of two services, by file and by port."""
    folder = tmp_path_factory.mktemp("doors")
    settings = Settings.model_validate({"data_dir": folder})
    with closing(Database(settings.database_url, busy_timeout_s=PATIENCE_S)) as database:
        upgrade(database)
        with _serving(settings, database, folder) as doors:
            yield doors


def _stream(data: bytes, piece: int = 8_192) -> bytes:
    chunks = [data[at : at + piece] for at in range(0, len(data), piece)]
    return b"".join(struct.pack(">I", len(one)) + one for one in [*chunks, b""])


def test_a_file_is_found_or_ok_or_an_error(doors: _Doors) -> None:
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


def test_commands_are_answered_as_the_manual_has_them(doors: _Doors) -> None:
    assert doors.told(b"zPING\0") == b"PONG\0"
    assert doors.told(b"nPING\n") == b"PONG\n"
    assert doors.told(b"PING\n") == b"PONG\n"
    assert doors.told(b"PING") == b"PONG\n"
    assert doors.told(b"zVERSION\0").startswith(b"hashmatch ")
    assert b"| COMMANDS: PING " in doors.told(b"nVERSIONCOMMANDS\n")
    assert doors.told(b"zSHUTDOWN\0") == b"UNKNOWN COMMAND\0"
    assert doors.told(b"zSCAN /etc/passwd\0").endswith(b"stream them. ERROR\0")
    assert doors.told(b"") == b""


def test_a_session_numbers_its_answers(doors: _Doors) -> None:
    answer = doors.told(
        b"zIDSESSION\0", b"zINSTREAM\0", _stream(drawn(1)), b"zPING\0", b"nINSTREAM\n",
        _stream(drawn(3), 100), b"zEND\0",
    )  # fmt: skip
    assert answer == b"1: " + _FOUND + b"\0" + b"2: PONG\0" + b"3: " + _OK + b"\n"


def test_nothing_is_answered_before_all_was_seen(doors: _Doors) -> None:
    stream = _stream(drawn(3))
    with doors.clamd() as connection:
        connection.sendall(b"zINSTREAM\0" + stream[:-4])
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(60)
        connection.sendall(stream[-4:])
        assert _rest(connection) == _OK + b"\0"
    # Cut off, there is no answer at all.
    assert doors.told(b"zINSTREAM\0", stream[:-4]) == b""
    assert doors.told(b"zINSTREAM\0", stream[:1000]) == b""


def test_a_file_beyond_the_limit_is_an_error_and_ends_the_connection(doors: _Doors) -> None:
    data = drawn(3) + bytes(_MAX_BYTES)
    answer = doors.told(b"zIDSESSION\0", b"zINSTREAM\0", _stream(data), b"zPING\0")
    assert answer == b"1: INSTREAM size limit exceeded. ERROR\0"
    # Announced, and never sent.
    assert doors.told(b"zINSTREAM\0", struct.pack(">I", 2**32 - 1), b"x") == b""


def test_hostile_streams_end_their_connection_and_nothing_else(doors: _Doors) -> None:
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
    with _serving(settings, database, tmp_path, other_files="exact") as doors:
        for data, answer in (
            (b"a film", _FOUND), (b"another film", _OK), (b"", _OK), (drawn(1), _FOUND),
            (drawn(3), _OK), (drawn(3)[:500], b"stream: not screened (truncated) ERROR"),
        ):  # fmt: skip
            assert doors.told(b"zINSTREAM\0", _stream(data)) == answer + b"\0"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_others_are_not_let_in(settings: Settings, database: Database, tmp_path: Path) -> None:
    with _serving(settings, database, tmp_path, networks=["10.0.0.0/8"]) as doors:
        assert doors.told(b"zPING\0", by_port=True) == b""
        assert doors.asked(_OPTIONS) == b""
        assert doors.told(b"zPING\0") == b"PONG\0"  # Guarded by its permissions.
        assert doors.path.stat().st_mode & 0o777 == 0o600


def test_a_socket_that_was_left_is_taken_over(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "clamd.sock"))
    with _serving(settings, database, tmp_path) as doors:
        assert doors.told(b"zPING\0") == b"PONG\0"


def test_clamdscan_understands_the_door(doors: _Doors, tmp_path: Path) -> None:
    require_program("clamdscan")
    config = tmp_path / "clamd.conf"
    config.write_text(f"LocalSocket {doors.path}\nStreamMaxLength 25M\n")
    files = {"listed": drawn(1), "clear": drawn(3), "broken": drawn(3)[:500],
             "large": drawn(3) + bytes(_MAX_BYTES)}  # fmt: skip
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


_OPTIONS = b"OPTIONS icap://localhost/hashmatch ICAP/1.0\r\nHost: localhost\r\n\r\n"
_REQUEST = b"GET /a.jpg HTTP/1.1\r\nHost: example.org\r\n\r\n"


def _chunked(data: bytes, piece: int = 4_000) -> bytes:
    chunks = [data[at : at + piece] for at in range(0, len(data), piece)]
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n"


def _respmod(
    data: bytes,
    headers: bytes = b"",
    *,
    status: bytes = b"200 OK",
    icap: bytes = b"Allow: 204\r\n",
    body: bytes | None = None,
) -> bytes:
    response = b"HTTP/1.1 %s\r\nContent-Type: image/jpeg\r\n%s\r\n" % (status, headers)
    places = len(_REQUEST), len(_REQUEST) + len(response)
    return (
        b"RESPMOD icap://localhost/hashmatch ICAP/1.0\r\nHost: localhost\r\n%s"
        b"Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n"
        % (icap, *places)
        + _REQUEST
        + response
        + (_chunked(data) if body is None else body)
    )


def _reqmod(data: bytes, headers: bytes) -> bytes:
    request = b"POST /upload HTTP/1.1\r\nHost: example.org\r\n%s\r\n" % headers
    return (
        b"REQMOD icap://localhost/hashmatch ICAP/1.0\r\nHost: localhost\r\nAllow: 204\r\n"
        b"Encapsulated: req-hdr=0, req-body=%d\r\n\r\n" % len(request)
    ) + request + _chunked(data)  # fmt: skip


def _status(answer: bytes) -> int:
    found = re.match(rb"ICAP/1\.0 (\d{3}) ", answer)
    assert found, answer[:200]
    return int(found[1])


def test_icap_tells_its_options(doors: _Doors) -> None:
    answer = doors.asked(_OPTIONS)
    assert _status(answer) == 200
    for header in (b"Methods: REQMOD, RESPMOD", b'ISTag: "', b"Allow: 204", b"null-body=0"):
        assert header in answer


def test_icap_has_a_status_for_each_verdict(doors: _Doors) -> None:
    assert _status(doors.asked(_respmod(drawn(3)))) == 204
    found = doors.asked(_respmod(drawn(1)))
    assert _status(found) == 200
    assert b"X-Infection-Found: Type=0; Resolution=2; Threat=Policy.Match;" in found
    assert b"HTTP/1.1 403 Forbidden" in found
    for data in (drawn(3)[:500], b"no image", b"", bytes(_MAX_BYTES + 1)):
        answer = doors.asked(_respmod(data))
        assert _status(answer) == 500
        assert b"HTTP/1" not in answer


def test_icap_returns_the_message_where_that_is_asked_for(doors: _Doors) -> None:
    answer = doors.asked(_respmod(drawn(3), icap=b""))
    assert _status(answer) == 200
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"Encapsulated: res-hdr=0, res-body=" in head
    assert drawn(3) in rest
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_icap_asks_for_what_follows_a_preview(doors: _Doors) -> None:
    data = drawn(1)
    preview = b"%x\r\n%s\r\n0\r\n\r\n" % (1024, data[:1024])
    message = _respmod(b"", icap=b"Allow: 204\r\nPreview: 1024\r\n", body=preview)
    with socket.create_connection(("127.0.0.1", doors.icap), timeout=60) as connection:
        connection.sendall(message)
        assert connection.recv(100) == b"ICAP/1.0 100 Continue\r\n\r\n"
        connection.sendall(_chunked(data[1024:]))
        connection.shutdown(socket.SHUT_WR)
        assert b"403 Forbidden" in _rest(connection)
    # All of it was in the preview.
    whole = b"%x\r\n%s\r\n0; ieof\r\n\r\n" % (len(data), data)
    answer = doors.asked(_respmod(b"", icap=b"Allow: 204\r\nPreview: 999999\r\n", body=whole))
    assert b"403 Forbidden" in answer


def test_icap_answers_request_after_request_of_a_connection(doors: _Doors) -> None:
    answer = doors.asked(_OPTIONS + _respmod(drawn(3)) + _respmod(drawn(1)) + _respmod(drawn(3)))
    assert re.findall(rb"ICAP/1\.0 (\d+)", answer) == [b"200", b"204", b"200", b"204"]


def _form(*files: tuple[str, bytes]) -> tuple[bytes, bytes]:
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n'
        % (name.encode(), data)
        for name, data in files
    )
    return parts + b"--b--\r\n", b"Content-Type: multipart/form-data; boundary=b\r\n"


def test_every_file_of_a_form_is_screened(doors: _Doors) -> None:
    for files, status in (
        ([drawn(3)], 204), ([drawn(1)], 200), ([drawn(3), drawn(4), drawn(1)], 200),
        ([drawn(3), drawn(4)[:500]], 500), ([drawn(4)[:500], drawn(1)], 200),
    ):  # fmt: skip
        body, headers = _form(*((f"{n}.jpg", data) for n, data in enumerate(files)))
        assert _status(doors.asked(_reqmod(body, headers))) == status
    assert _status(doors.asked(_reqmod(body[:-20], headers))) == 500


_ODD_PARTS = {
    "extended name": b"Content-Disposition: form-data; name=f; filename*=utf-8''e.jpg",
    "continued name": b"Content-Disposition: form-data; name=f; filename*0=e.jpg",
    "two dispositions": b"Content-Disposition: form-data; filename=e.jpg; name=f\r\n"
    b"Content-Disposition: form-data; name=f",
    "open quote": b'Content-Disposition: form-data; name="a; filename="e.jpg"',
    "no file name": b"Content-Disposition: form-data; name=f",
    "no disposition": b"Content-Type: image/jpeg",
    "parts in a part": b"Content-Disposition: form-data; name=f\r\n"
    b"Content-Type: multipart/mixed; boundary=c",
}


@pytest.mark.parametrize("headers", list(_ODD_PARTS.values()), ids=list(_ODD_PARTS))
def test_no_part_of_a_form_hides_behind_another(doors: _Doors, headers: bytes) -> None:
    clean = b'--b\r\nContent-Disposition: form-data; name="x"; filename="x.jpg"\r\n\r\n'
    for kind in (b"form-data", b"related", b"mixed"):
        body = clean + drawn(3) + b"\r\n--b\r\n" + headers + b"\r\n\r\n" + drawn(1)
        form = b"Content-Type: multipart/%s; boundary=b\r\n" % kind
        answer = doors.asked(_reqmod(body + b"\r\n--b--\r\n", form))
        assert _status(answer) in (200, 500), headers
        assert _status(answer) == 500 or b"403 Forbidden" in answer


def test_heads_that_others_read_otherwise_hide_nothing(doors: _Doors) -> None:
    listed, packed = drawn(1), gzip.compress(drawn(1))
    for data, headers, status in (
        (drawn(3), b"", b" 206"),
        (packed, b"", b"200 OK\nContent-Encoding: gzip"),
        (packed, b"Transfer-Encoding: gzip, chunked\r\n", b"200 OK"),
        (drawn(3), b"Content-Type: text/plain\r\n", b"200 OK"),
        (drawn(3), b"Upload-Offset: 100\r\n", b"200 OK"),
        (listed, b"X: a\0b\r\n", b"200 OK"),
    ):
        answer = doors.asked(_respmod(data, headers, status=status))
        assert b" 204 " not in answer.split(b"\r\n")[0], headers


def test_short_texts_of_a_form_are_no_files(doors: _Doors) -> None:
    text = b'--b\r\nContent-Disposition: form-data; name="caption"\r\n\r\nA day out\r\n'
    body, headers = _form(("1.jpg", drawn(3)))
    assert _status(doors.asked(_reqmod(text + body, headers))) == 204


_NO_PLACES = {
    "unix:/nowhere/at/all.sock": "no folder /nowhere/at",
    f"unix:/tmp/{'x' * 120}": "more than 107 bytes",
    "127.0.0.1:99999": "cannot listen there",
    "nowhere.invalid:1344": "cannot listen there",
}


@pytest.mark.parametrize(("address", "problem"), _NO_PLACES.items(), ids=list(range(4)))
def test_a_door_that_cannot_be_opened_stops_the_start(
    command_line: CommandLine, address: str, problem: str
) -> None:
    config = command_line.folder / "hashmatch.toml"
    config.write_text(f'{config.read_text()}[doors]\nicap = "{address}"\n')
    result = command_line.run("serve", "--port", "0")
    assert result.exit_code == 2
    assert "doors.icap" in result.stderr
    assert problem in result.stderr


def test_encoded_and_partial_messages_hide_nothing(doors: _Doors) -> None:
    listed, other = gzip.compress(drawn(1)), gzip.compress(drawn(3))
    for data, headers, status, expected in (
        (listed, b"Content-Encoding: gzip\r\n", b"200 OK", 200),
        (other, b"Content-Encoding: gzip\r\n", b"200 OK", 204),
        (gzip.compress(listed), b"Content-Encoding: gzip, x-gzip\r\n", b"200 OK", 200),
        (other + listed, b"Content-Encoding: gzip\r\n", b"200 OK", 500),
        (other[:-9], b"Content-Encoding: gzip\r\n", b"200 OK", 500),
        (gzip.compress(bytes(10**7)), b"Content-Encoding: gzip\r\n", b"200 OK", 500),
        (drawn(3), b"Content-Encoding: br\r\n", b"200 OK", 500),
        (drawn(3), b"Content-Encoding: identity\r\n", b"200 OK", 204),
        (drawn(3), b"Content-Range: bytes 0-5/9\r\n", b"200 OK", 500),
        (drawn(3), b"", b"206 Partial Content", 500),
    ):
        answer = doors.asked(_respmod(data, headers, status=status))
        assert _status(answer) == expected, (headers, status)


def test_a_message_without_a_body_is_passed_on(doors: _Doors) -> None:
    message = (
        b"REQMOD icap://localhost/hashmatch ICAP/1.0\r\nHost: localhost\r\nAllow: 204\r\n"
        b"Encapsulated: req-hdr=0, null-body=%d\r\n\r\n" % len(_REQUEST)
    ) + _REQUEST
    assert _status(doors.asked(message)) == 204
    answer = doors.asked(message.replace(b"Allow: 204\r\n", b""))
    assert _status(answer) == 200
    assert answer.endswith(_REQUEST)


def test_malformed_messages_end_their_connection_and_nothing_else(doors: _Doors) -> None:
    chosen = random.Random(6)
    whole = _respmod(drawn(1)[:3_000]) + _OPTIONS
    for _ in range(1_000):
        data = bytearray(whole[: chosen.randint(1, len(whole))])
        for _ in range(chosen.randint(0, 4)):
            data[chosen.randrange(len(data))] = chosen.randrange(256)
        answer = doors.asked(bytes(data))
        assert b" 204 " not in answer
    for message in (
        whole.replace(b"res-body=", b"res-body=9"),
        whole.replace(b"req-hdr=0", b"req-hdr=5"),
        whole.replace(b"req-hdr=0", b"res-body=0"),
        whole.replace(b"ICAP/1.0", b"ICAP/2.0"),
        whole.replace(b"\r\nfa0\r\n", b"\r\n-fa0\r\n").replace(b"\r\nbb8\r\n", b"\r\n+bb8\r\n"),
    ):
        answer = doors.asked(message)
        assert not answer or _status(answer) == 400
    assert _status(doors.asked(_respmod(drawn(3)))) == 204


def test_what_nextcloud_sends_is_understood(doors: _Doors) -> None:
    """Its antivirus app in RESPMOD: HTTP/1.0, and a length that is not that of the body."""
    request, response = (
        b"GET /a HTTP/1.0\r\nHost: nextcloud\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
    )
    head = (
        b"RESPMOD icap://127.0.0.1/hashmatch ICAP/1.0\r\nHost: 127.0.0.1\r\n"
        b"User-Agent: NC-ICAP-CLIENT/0.5.0\r\n"
        b"Connection: close\r\nAllow: 204\r\nX-Client-IP: 127.0.0.1\r\n"
        b"Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n"
        % (len(request), len(request) + len(response))
    )
    for data, status in ((drawn(1), 200), (drawn(3), 204), (b"no image", 500)):
        assert _status(doors.asked(head + request + response + _chunked(data))) == status


def test_an_icap_client_understands_the_door(doors: _Doors, tmp_path: Path) -> None:
    require_program("c-icap-client")
    for name, data in (("listed", drawn(1)), ("clear", drawn(3)), ("broken", drawn(3)[:500])):
        (tmp_path / name).write_bytes(data)

    def ask(name: str, *more: str) -> str:
        command = ["c-icap-client", "-i", "127.0.0.1", "-p", str(doors.icap), "-s", "hashmatch"]
        command += ["-f", str(tmp_path / name), "-o", str(tmp_path / "out"), "-v", *more]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        (tmp_path / "out").unlink(missing_ok=True)
        return ended.stdout + ended.stderr

    for more in ((), ("-no204",), ("-nopreview",), ("-req", "http://example.org/a.jpg")):
        assert "X-Infection-Found" in ask("listed", *more)
        assert "X-Infection-Found" not in ask("clear", *more)
        assert "not_screened" in ask("broken", *more)
