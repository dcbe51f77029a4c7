"""Nothing that is listed leaves a server of images, by whichever way it would."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from typing import Any

import pytest

from hashmatch.gate import ImageGate
from hashmatch.gate.asgi import GateMiddleware
from hashmatch.store.engine import Database
from tests.gate.servers import (
    answer,
    as_base64,
    ask,
    body_of,
    connect,
    event,
    headers_of,
    images_answer,
    says,
    status_of,
)
from tests.pictures import drawn
from tests.scanning import MakeScanner, recorded

LISTED, OTHER, THIRD = drawn(1), drawn(9), drawn(10, "PNG")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="data:image/jpeg;base64,%s"/></svg>'


def _guarded(gate: ImageGate, body: bytes, kind: str | None, **more: Any) -> Any:
    options = {
        key: more.pop(key) for key in ("max_bytes", "passes_urls", "passes_others") if key in more
    }
    return ask(GateMiddleware(answer(body, kind, **more), gate, **options))


def _archive(*files: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for number, one in enumerate(files):
            archive.writestr(f"{number}.png", one)
    return stream.getvalue()


def _holds(body: bytes, picture: bytes) -> bool:
    """Say whether a body has a picture in it, in any of the ways in which it may be written."""
    part = picture[1000:1300]
    packed = base64.b64encode(part)[4:-8]
    return part in body or any(
        base64.b64encode(b"x" * shift + part)[8:-8] in body for shift in range(3)
    ) or packed in body  # fmt: skip


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (OTHER, "image/jpeg"),
        (THIRD, "application/octet-stream"),
        (OTHER, None),
        (images_answer(OTHER, THIRD), "application/json"),
        (_archive(OTHER, THIRD), "application/zip"),
        (b'{"queue": 3}', "application/json"),
        (b"<html>hello</html>", "text/html; charset=utf-8"),
        (b"", "image/png"),
    ],
)
def test_what_is_clear_leaves_as_it_is(gate: ImageGate, body: bytes, kind: str | None) -> None:
    sent = _guarded(gate, body, kind)
    assert status_of(sent) == 200
    if kind == "application/json":
        assert json.loads(body_of(sent)) == json.loads(body)
    else:
        assert body_of(sent) == body
    assert headers_of(sent)[b"content-length"] == str(len(body_of(sent))).encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (LISTED, "image/jpeg"),
        (LISTED, "image/png"),
        (LISTED, "text/html"),
        (LISTED, "application/json"),
        (LISTED, "application/octet-stream"),
        (LISTED, "audio/mpeg"),
        (LISTED, None),
        (images_answer(LISTED), "application/json"),
        (images_answer(LISTED), "application/vnd.images+json; charset=utf-8"),
        (json.dumps({"images": [as_base64(LISTED)]}).encode(), "application/json"),
        (json.dumps({"a": [{"b": [as_base64(LISTED)]}]}).encode(), "application/json"),
        (json.dumps([f"data:image/jpeg;base64,{as_base64(LISTED)}"]).encode(), "application/json"),
        (json.dumps(as_base64(LISTED)).encode(), "application/json"),
        (json.dumps({"x": f"see data:image/jpeg;base64,{as_base64(LISTED)}"}).encode(),
         "application/json"),
        (f"<img src='data:image/jpeg;base64,{as_base64(LISTED)}'>".encode(), "text/html"),
        (as_base64(LISTED).encode(), "text/plain"),
        (json.dumps({"b": as_base64(LISTED)}).encode() + b"\n" + b'{"done": true}\n',
         "application/x-ndjson"),
        (_archive(OTHER, LISTED), "application/zip"),
        (_archive(OTHER, LISTED, method=zipfile.ZIP_STORED), "application/octet-stream"),
        (_archive(_archive(LISTED)), "application/zip"),
        (SVG % as_base64(LISTED).encode(), "image/svg+xml"),
        (b"--x\r\ncontent-type: image/jpeg\r\n\r\n" + LISTED + b"\r\n--x--", "multipart/mixed"),
        (gzip.compress(LISTED), "application/gzip"),
        (gzip.compress(LISTED), "audio/mpeg"),
        (f"<img src='data:image/jpeg;base64&#44;{as_base64(LISTED)}'>".encode(), "text/html"),
        (f"<img src='data:image/jpeg;base64,{as_base64(LISTED)}'>".encode("utf-16"), "text/html"),
        (json.dumps({"body": json.dumps({"b64_json": as_base64(LISTED)})}).encode(),
         "application/json"),
        (json.dumps([as_base64(_archive(LISTED))]).encode(), "application/json"),
        (json.dumps([as_base64(gzip.compress(LISTED))]).encode(), "application/json"),
        (json.dumps({"images": [as_base64(LISTED)]}).encode(), "text/plain"),
        (json.dumps({"images": [as_base64(LISTED)]}).encode(), None),
        (json.dumps({"images": [as_base64(LISTED)]}).replace("/", "\\/").encode(), "text/plain"),
        (json.dumps({"i": as_base64(LISTED)}).encode() + b'\n{"done":true}', "application/json"),
        (json.dumps({"i": as_base64(LISTED)}, indent=1).encode(), "application/x-ndjson"),
        (b'{"n": 1' + b"0" * 5000 + json.dumps({"i": as_base64(LISTED)}).encode()[1:],
         "application/json"),
        (b'42["preview",' + json.dumps({"i": as_base64(LISTED)}).encode() + b"]", "text/plain"),
        (f"<img src='data:;base64,{as_base64(LISTED)}'>".encode(), "text/html"),
        (json.dumps({"x": f"data:application/zip;base64,{as_base64(_archive(LISTED))}"}).encode(),
         "application/json"),
        (json.dumps({"x": f"data:text/html;base64,{as_base64(SVG % as_base64(LISTED).encode())}"}
                    ).encode(), "application/json"),
        (json.dumps([as_base64(LISTED) + "AAAA"]).encode(), "application/json"),
        (json.dumps([as_base64(OTHER) + "," + as_base64(LISTED)]).encode(), "application/json"),
        (json.dumps({"image": list(LISTED)}).encode(), "application/json"),
        (json.dumps({f"data:image/png;base64,{as_base64(LISTED)}": 1}).encode(),
         "application/json"),
        (_archive(LISTED) + _archive(OTHER), "application/zip"),
        (_archive(json.dumps({"images": [as_base64(LISTED)]}).encode()), "application/zip"),
        (OTHER + LISTED, "video/x-motion-jpeg"),
        (json.dumps({"output": ["https://cdn.example/1.png"]}).encode(), "application/json"),
        (b'{"data": [{"url": "https://cdn.example/1.png"}]}', "application/json"),
    ],
)  # fmt: skip
def test_what_is_listed_leaves_in_no_form(gate: ImageGate, body: bytes, kind: str | None) -> None:
    sent = _guarded(gate, body, kind)
    assert status_of(sent) in (400, 503)
    assert not _holds(body_of(sent), LISTED)
    error = json.loads(body_of(sent))["error"]
    assert error["code"] in ("moderation_blocked", "moderation_unavailable")
    assert "one" not in error["message"].split()


def test_of_several_pictures_the_others_leave(gate: ImageGate, database: Database) -> None:
    sent = _guarded(gate, images_answer(OTHER, LISTED, THIRD), "application/json")
    files = [base64.b64decode(one["b64_json"]) for one in json.loads(body_of(sent))["data"]]
    assert (status_of(sent), files[0], files[2]) == (200, OTHER, THIRD)
    assert files[1].startswith(b"\x89PNG")
    assert not _holds(body_of(sent), LISTED)
    assert recorded(database) > 0


@pytest.mark.parametrize("how", ["=", "urlsafe", "lines"])
def test_base64_is_read_however_it_is_written(gate: ImageGate, how: str) -> None:
    text = as_base64(LISTED)
    if how == "=":
        text = text.rstrip("=")
    elif how == "urlsafe":
        text = base64.urlsafe_b64encode(LISTED).decode()
    else:
        text = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    assert status_of(_guarded(gate, json.dumps([text]).encode(), "application/json")) == 400


def test_a_repeated_key_is_not_read_as_one_client_does(gate: ImageGate) -> None:
    body = f'{{"b64_json": "{as_base64(LISTED)}", "b64_json": "{as_base64(OTHER)}"}}'
    assert status_of(_guarded(gate, body.encode(), "application/json")) == 503


@pytest.mark.parametrize(
    "body",
    [
        b'{"b64_json": "no base64!"}',
        b"[" * 100_000,
        json.dumps({"b64_json": as_base64(b"no image" * 20)}).encode(),
    ],
)
def test_json_that_cannot_be_looked_through_does_not_leave(gate: ImageGate, body: bytes) -> None:
    sent = _guarded(gate, body, "application/json")
    # Brackets without a picture are no JSON, and text.
    assert status_of(sent) == 503 or body_of(sent) == b"[" * 100_000


def test_an_archive_that_says_too_much_is_not_unpacked(gate: ImageGate) -> None:
    bomb = _archive(bytes(10_000_000))
    assert status_of(_guarded(gate, bomb, "application/zip", max_bytes=1_000_000)) == 503
    damaged = bytearray(_archive(OTHER))
    damaged[200] ^= 0xFF
    assert status_of(_guarded(gate, bytes(damaged), "application/zip")) == 503


def test_an_answer_longer_than_the_bound_does_not_leave(gate: ImageGate) -> None:
    assert status_of(_guarded(gate, OTHER, "image/jpeg", max_bytes=len(OTHER) - 1)) == 503
    assert status_of(_guarded(gate, OTHER, "image/jpeg", max_bytes=len(OTHER))) == 200


def test_addresses_leave_only_where_the_files_have_a_gate_of_their_own(gate: ImageGate) -> None:
    body = b'{"data":[{"url":"https://cdn.example/1.png"}]}'
    assert status_of(_guarded(gate, body, "application/json", passes_urls=True)) == 200


def test_other_files_leave_only_where_the_operator_says_so(gate: ImageGate) -> None:
    body = b"wOF2" + bytes(range(256))
    assert status_of(_guarded(gate, body, "font/woff2")) == 503
    assert status_of(_guarded(gate, body, "font/woff2", passes_others=True)) == 200
    assert status_of(_guarded(gate, LISTED, "font/woff2", passes_others=True)) == 400


@pytest.mark.parametrize(
    ("status", "header"),
    [(200, (b"X-Accel-Redirect", b"/out/1.png")), (302, (b"Location", b"https://cdn/1.png"))],
)
def test_a_file_does_not_leave_by_way_of_another_server(
    gate: ImageGate, status: int, header: tuple[bytes, bytes]
) -> None:
    assert status_of(_guarded(gate, b"", None, status=status, headers=[header])) == 503


def test_lines_of_json_stay_lines(gate: ImageGate) -> None:
    body = json.dumps({"image": as_base64(OTHER)}).encode() + b'\r\n{"done": true}\n'
    lines = body_of(_guarded(gate, body, "application/x-ndjson")).splitlines()
    assert [list(json.loads(one)) for one in lines] == [["image"], ["done"]]


def test_drawings_in_style_sheets_leave(gate: ImageGate) -> None:
    body = b"a{background:url(\"data:image/svg+xml,%3csvg xmlns='x'%3e%3c/svg%3e\")}"
    assert body_of(_guarded(gate, body, "text/css")) == body
    assert body_of(_guarded(gate, b"BM is a name", "text/plain")) == b"BM is a name"


def test_packed_answers_do_not_leave(gate: ImageGate) -> None:
    headers = [(b"Content-Encoding", b"gzip")]
    sent = _guarded(gate, gzip.compress(LISTED), "image/jpeg", headers=headers)
    assert status_of(sent) == 503


def test_the_ways_past_the_middleware_are_closed(gate: ImageGate) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await send({"type": "http.response.pathsend", "path": "/a.png"})
        await send({"type": "http.response.body", "body": LISTED})

    sent = ask(
        GateMiddleware(app, gate),
        headers=[(b"Range", b"bytes=0-9"), (b"accept-encoding", b"gzip"), (b"accept", b"*/*")],
        extensions={"http.response.pathsend": {}, "http.response.zerocopysend": {}, "tls": {}},
    )
    assert seen[0]["headers"] == [(b"accept", b"*/*")]
    assert seen[0]["extensions"] == {"tls": {}}
    assert status_of(sent) == 503
    assert not _holds(body_of(sent), LISTED)


def test_a_part_of_a_picture_does_not_leave(gate: ImageGate) -> None:
    sent = _guarded(gate, LISTED[: len(LISTED) // 2], "image/jpeg", status=206)
    assert status_of(sent) in (400, 503)


def test_an_answer_that_was_changed_says_nothing_of_the_one_before(gate: ImageGate) -> None:
    headers = [(b"ETag", b'"1"'), (b"Content-Digest", b"x"), (b"X-Other", b"1")]
    sent = _guarded(gate, images_answer(OTHER, LISTED), "application/json", headers=headers)
    assert {b"ETag", b"Content-Digest"}.isdisjoint(headers_of(sent))
    assert headers_of(sent)[b"X-Other"] == b"1"


def _stream(*events: bytes) -> bytes:
    return b"".join(events)


def _partial(picture: bytes, number: int) -> bytes:
    name = "image_generation.partial_image"
    value = {"type": name, "b64_json": as_base64(picture), "partial_image_index": number}
    return event(value, name)


def _completed(picture: bytes) -> bytes:
    name = "image_generation.completed"
    return event({"type": name, "b64_json": as_base64(picture)}, name)


@pytest.mark.parametrize("piece_bytes", [7, 1000, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_leave_one_by_one_without_what_is_withheld(
    gate: ImageGate, piece_bytes: int, end: str
) -> None:
    stream = _stream(
        _partial(OTHER, 0), b": ping\n\n", _partial(LISTED, 1), _completed(LISTED), event("[DONE]")
    ).replace(b"\n", end.encode())
    sent = _guarded(gate, stream, "text/event-stream", piece_bytes=piece_bytes)
    body = body_of(sent)
    assert status_of(sent) == 200
    assert b"content-length" not in headers_of(sent)
    assert _holds(body, OTHER)
    assert not _holds(body, LISTED)
    events = [one for one in body.split(b"\n\n") if one]
    assert len(events) == 4
    assert b"moderation_blocked" in events[2]
    assert events[3] == b"data: [DONE]"


def test_an_event_in_several_lines_is_one(gate: ImageGate) -> None:
    text = json.dumps({"b64_json": as_base64(LISTED)}, indent=1)
    lines = b"".join(b"data:" + one.encode() + b"\n" for one in text.splitlines()) + b"\n"
    assert b"moderation_blocked" in body_of(_guarded(gate, lines, "text/event-stream"))


def test_an_event_that_was_not_ended_does_not_leave(gate: ImageGate) -> None:
    sent = _guarded(gate, event({"a": 1}) + _completed(LISTED)[:-1], "text/event-stream")
    assert body_of(sent) == b'data: {"a": 1}\n\n'


def test_an_event_longer_than_the_bound_ends_the_stream(gate: ImageGate) -> None:
    stream = _completed(OTHER) + event({"a": 1})
    sent = _guarded(gate, stream, "text/event-stream", max_bytes=1000, piece_bytes=100)
    assert b"moderation_unavailable" in body_of(sent)
    assert not _holds(body_of(sent), OTHER)


def test_previews_of_a_websocket_are_checked(gate: ImageGate) -> None:
    """As ComfyUI sends them (`protocol.py`): 1 is a preview, 4 one with facts, 3 a text."""

    def preview(picture: bytes) -> bytes:
        return (1).to_bytes(4, "big") + (1).to_bytes(4, "big") + picture

    def with_facts(picture: bytes) -> bytes:
        facts = b'{"image_type": "image/jpeg"}'
        return (4).to_bytes(4, "big") + len(facts).to_bytes(4, "big") + facts + picture

    told = {"type": "websocket.send", "text": '{"type": "status"}'}
    messages: list[dict[str, Any]] = [
        {"type": "websocket.accept"},
        told,
        *({"type": "websocket.send", "bytes": kind(one)}
          for kind in (preview, with_facts) for one in (OTHER, LISTED)),
        {"type": "websocket.send", "bytes": preview(OTHER), "text": as_base64(LISTED)},
        {"type": "websocket.http.response.body", "body": LISTED},
        {"type": "websocket.send",
         "bytes": (4).to_bytes(4, "big") + len(LISTED).to_bytes(4, "big") + LISTED + OTHER},
        {"type": "websocket.send", "text": "42" + json.dumps(["p", as_base64(LISTED)])},
        {"type": "websocket.send", "bytes": (9).to_bytes(4, "big") + LISTED},
        {"type": "websocket.send", "bytes": LISTED},
        {"type": "websocket.send", "bytes": b""},
        {"type": "websocket.send", "text": json.dumps({"i": as_base64(LISTED)})},
    ]  # fmt: skip
    sent = connect(GateMiddleware(says(messages), gate))
    assert [one.get("bytes") for one in sent[2:]] == [preview(OTHER), with_facts(OTHER)]
    assert json.loads(sent[1]["text"]) == {"type": "status"}


def test_more_answers_than_can_be_held_are_turned_away(gate: ImageGate) -> None:
    sent = ask(GateMiddleware(answer(OTHER, "image/jpeg"), gate, max_answers=0))
    assert status_of(sent) == 503
    assert b"retry-after" in headers_of(sent)


def test_without_a_scanner_nothing_leaves(make_scanner: MakeScanner) -> None:
    scanner = make_scanner()
    scanner.close()
    gate = ImageGate(scanner, budget_s=60)
    for body, kind in ((OTHER, "image/jpeg"), (images_answer(OTHER), "application/json")):
        sent = _guarded(gate, body, kind)
        assert status_of(sent) == 503
        assert not _holds(body_of(sent), OTHER)
