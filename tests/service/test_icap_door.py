"""The door of ICAP: whatever a message hides an image in, it is screened or refused."""

from __future__ import annotations

import gzip
import random
import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.pictures import drawn
from tests.programs import require_program
from tests.service.doors import MAX_BYTES, OPTIONS, Doors, rest_of

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


def test_icap_tells_its_options(doors: Doors) -> None:
    answer = doors.asked(OPTIONS)
    assert _status(answer) == 200
    for header in (b"Methods: REQMOD, RESPMOD", b'ISTag: "', b"Allow: 204", b"null-body=0"):
        assert header in answer


def test_icap_has_a_status_for_each_verdict(doors: Doors) -> None:
    assert _status(doors.asked(_respmod(drawn(3)))) == 204
    found = doors.asked(_respmod(drawn(1)))
    assert _status(found) == 200
    assert b"X-Infection-Found: Type=0; Resolution=2; Threat=Policy.Match;" in found
    assert b"HTTP/1.1 403 Forbidden" in found
    for data in (drawn(3)[:500], b"no image", b"", bytes(MAX_BYTES + 1)):
        answer = doors.asked(_respmod(data))
        assert _status(answer) == 500
        assert b"HTTP/1" not in answer


def test_icap_returns_the_message_where_that_is_asked_for(doors: Doors) -> None:
    answer = doors.asked(_respmod(drawn(3), icap=b""))
    assert _status(answer) == 200
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"Encapsulated: res-hdr=0, res-body=" in head
    assert drawn(3) in rest
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_icap_asks_for_what_follows_a_preview(doors: Doors) -> None:
    data = drawn(1)
    preview = b"%x\r\n%s\r\n0\r\n\r\n" % (1024, data[:1024])
    message = _respmod(b"", icap=b"Allow: 204\r\nPreview: 1024\r\n", body=preview)
    with socket.create_connection(("127.0.0.1", doors.icap), timeout=60) as connection:
        connection.sendall(message)
        assert connection.recv(100) == b"ICAP/1.0 100 Continue\r\n\r\n"
        connection.sendall(_chunked(data[1024:]))
        connection.shutdown(socket.SHUT_WR)
        assert b"403 Forbidden" in rest_of(connection)
    # All of it was in the preview.
    whole = b"%x\r\n%s\r\n0; ieof\r\n\r\n" % (len(data), data)
    answer = doors.asked(_respmod(b"", icap=b"Allow: 204\r\nPreview: 999999\r\n", body=whole))
    assert b"403 Forbidden" in answer


def test_icap_answers_request_after_request_of_a_connection(doors: Doors) -> None:
    answer = doors.asked(OPTIONS + _respmod(drawn(3)) + _respmod(drawn(1)) + _respmod(drawn(3)))
    assert re.findall(rb"ICAP/1\.0 (\d+)", answer) == [b"200", b"204", b"200", b"204"]


def _form(*files: tuple[str, bytes]) -> tuple[bytes, bytes]:
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n'
        % (name.encode(), data)
        for name, data in files
    )
    return parts + b"--b--\r\n", b"Content-Type: multipart/form-data; boundary=b\r\n"


def test_every_file_of_a_form_is_screened(doors: Doors) -> None:
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
def test_no_part_of_a_form_hides_behind_another(doors: Doors, headers: bytes) -> None:
    clean = b'--b\r\nContent-Disposition: form-data; name="x"; filename="x.jpg"\r\n\r\n'
    for kind in (b"form-data", b"related", b"mixed"):
        body = clean + drawn(3) + b"\r\n--b\r\n" + headers + b"\r\n\r\n" + drawn(1)
        form = b"Content-Type: multipart/%s; boundary=b\r\n" % kind
        answer = doors.asked(_reqmod(body + b"\r\n--b--\r\n", form))
        assert _status(answer) in (200, 500), headers
        assert _status(answer) == 500 or b"403 Forbidden" in answer


def test_heads_that_others_read_otherwise_hide_nothing(doors: Doors) -> None:
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


def test_short_texts_of_a_form_are_no_files(doors: Doors) -> None:
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


def test_encoded_and_partial_messages_hide_nothing(doors: Doors) -> None:
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


def test_a_message_without_a_body_is_passed_on(doors: Doors) -> None:
    message = (
        b"REQMOD icap://localhost/hashmatch ICAP/1.0\r\nHost: localhost\r\nAllow: 204\r\n"
        b"Encapsulated: req-hdr=0, null-body=%d\r\n\r\n" % len(_REQUEST)
    ) + _REQUEST
    assert _status(doors.asked(message)) == 204
    answer = doors.asked(message.replace(b"Allow: 204\r\n", b""))
    assert _status(answer) == 200
    assert answer.endswith(_REQUEST)


def test_malformed_messages_end_their_connection_and_nothing_else(doors: Doors) -> None:
    chosen = random.Random(6)
    whole = _respmod(drawn(1)[:3_000]) + OPTIONS
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


def test_what_nextcloud_sends_is_understood(doors: Doors) -> None:
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


def test_an_icap_client_understands_the_door(doors: Doors, tmp_path: Path) -> None:
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
