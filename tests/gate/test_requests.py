"""Requests: what is asked with is checked before the server makes anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from anyio import run

from hashmatch.config import Settings
from hashmatch.gate import ImageGate
from hashmatch.gate.asgi import GateMiddleware
from hashmatch.hashers import ALGORITHMS
from hashmatch.policy import Policy
from hashmatch.prompts import PromptScreener
from hashmatch.store.engine import Database
from hashmatch.store.lists import ALLOW, TERMS
from tests.gate.servers import Sent, as_base64, body_of, status_of
from tests.pictures import drawn, list_of
from tests.scanning import MakeScanner
from tests.store.importing import import_text

LISTED, OTHER = drawn(1), drawn(9)
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
PACKED_PART = (
    b"--x\r\nContent-Disposition: form-data; name=p\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\neA==\r\n--x--\r\n"
)


def _multipart(**parts: str | bytes) -> bytes:
    pieces = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'.encode()
        + (value.encode() if isinstance(value, str) else value)
        for name, value in parts.items()
    ]
    return b"\r\n".join((*pieces, b"--x--\r\n"))


@pytest.fixture
def gate(database: Database, make_scanner: MakeScanner) -> Iterator[ImageGate]:
    """A gate before drawing 1 and the word glimmerfish."""
    import_text(database, "one", list_of(1))
    import_text(database, "words", "term,entry_id\nglimmerfish,t1\n", kind=TERMS)
    policy = Policy(Settings(), ALGORITHMS)
    prompts = PromptScreener(database, policy, digest_key=b"k", max_characters=20_000)
    with ImageGate(make_scanner(), budget_s=60, prompts=prompts) as opened:
        yield opened


class _Server:
    """A server that counts the requests that reach it, and returns what it was sent."""

    def __init__(self) -> None:
        self.reached: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.reached.append(body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


def _ask(
    gate: ImageGate, body: bytes, kind: str, query: bytes = b"", *, piece_bytes: int = 1_000,
    **options: Any,
) -> tuple[Sent, _Server]:  # fmt: skip
    server, sent = _Server(), list[dict[str, Any]]()
    pieces = [body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes)] or [b""]
    headers = [(b"content-type", kind.encode()), *options.pop("headers", ())]
    app = GateMiddleware(server, gate, **options)

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": query}

    async def serve() -> None:
        await app(scope, receive, send)

    run(serve)
    return sent, server


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"prompt": "a quiet sea", "n": 2, "seed": None}).encode(), "application/json"),
        (json.dumps({"prompt": "sea", "image": as_base64(OTHER)}).encode(), "application/json"),
        (b"prompt=a+quiet+sea&n=2", FORM),
        (_multipart(prompt="a quiet sea", image=OTHER, mask=drawn(10)), MULTIPART),
        (OTHER, "image/jpeg"),
        (b"", "text/plain"),
        (b"a quiet sea", "text/plain"),
    ],
)
def test_what_is_clear_reaches_the_server_as_it_is(gate: ImageGate, body: bytes, kind: str) -> None:
    sent, server = _ask(gate, body, kind)
    assert status_of(sent) == 200
    assert server.reached == [body]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"prompt": "a glimmerfish"}).encode(), "application/json"),
        (json.dumps({"prompt": "a glimmerfish"}).encode("utf-16"), "application/json"),
        (json.dumps({"prompt": "a glimmerfish"}).encode(), "text/plain"),
        (json.dumps({"prompt": "a gl1mmer-fish"}).encode(), "application/json"),
        (json.dumps({"a": [{"glimmerfish": 1}]}).encode(), "application/json"),
        (b'{"prompt": "glimmerfish", "prompt": "a quiet sea"}', "application/json"),
        (b'{"prompt": "\\u0067limmerfish"}', "application/json"),
        (json.dumps({"3": {"inputs": {"text": "a glimmerfish"}}}).encode(), "application/json"),
        (b"prompt=a+glimmerfish", FORM),
        (b"prompt=a+%67limmerfish", FORM),
        (_multipart(prompt="a glimmerfish", image=OTHER), MULTIPART),
        (b"a glimmerfish", "text/plain"),
        (json.dumps({"prompt": f"{as_base64(OTHER)} glimmerfish swims"}).encode(),
         "application/json"),
        (json.dumps({"prompt": f"data:image/jpeg;base64,{as_base64(OTHER)} glimmerfish"}).encode(),
         "application/json"),
        (json.dumps({"prompt": f"glimmerfish/{'-' * 60} {as_base64(OTHER)}"}).encode(),
         "application/json"),
        (json.dumps({"prompt": "g l i m m e r f i s h", "n": 1}).encode(), "application/json"),
        (b'{"1": {"text": "g.l.i.m.m.e.r.f.i.s.h"}, "2": {}}', "application/json"),
        (b"prompt=g+l+i+m+m+e+r+f+i+s+h&x=1", FORM),
        (b'{"prompt": "\\u0067limmerfish"}', FORM),
        (b'{"prompt": "\\u0067limmerfish"}', "text/plain"),
        (b'\xef\xbb\xbf{"prompt": "\\u0067limmerfish"}', "text/plain"),
        (json.dumps({"input": '{"prompt": "\\u0067limmerfish"}'}).encode(), "application/json"),
        (_multipart(payload='{"prompt": "\\u0067limmerfish"}'), MULTIPART),
        (_multipart(image="P3 1 1 255 0 7 14\n# glimmerfish"), MULTIPART),
        (_multipart(glimmerfish="x"), MULTIPART),
    ],
)  # fmt: skip
def test_a_listed_term_stops_a_request_wherever_it_stands(
    gate: ImageGate, body: bytes, kind: str
) -> None:
    sent, server = _ask(gate, body, kind)
    assert status_of(sent) == 400
    assert server.reached == []
    assert b"glimmerfish" not in body_of(sent)


@pytest.mark.parametrize("query", [b"prompt=a%20glimmerfish", b"glimmerfish", b"glimmerfish=1"])
def test_a_listed_term_in_an_address_stops_a_request(gate: ImageGate, query: bytes) -> None:
    sent, server = _ask(gate, b"", "text/plain", query)
    assert (status_of(sent), server.reached) == (400, [])


def test_a_connection_with_a_listed_term_in_its_address_is_refused(gate: ImageGate) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "headers": [], "query_string": b"prompt=glimmerfish"}

    async def serve() -> None:
        await GateMiddleware(app, gate)(scope, None, send)  # type: ignore[arg-type]

    run(serve)
    assert [one["type"] for one in sent] == ["websocket.close"]


def test_a_phrase_that_is_allowed_is_not_put_together_from_several_texts(
    gate: ImageGate, database: Database
) -> None:
    row = "term,entry_id,tags,note\nthe glimmerfish inn,a1,by:somebody,a pub\n"
    import_text(database, "fine", row, kind=ALLOW)
    for asked, status in (
        ({"prompt": "the glimmerfish inn"}, 200),
        ({"prompt": ["the", "glimmerfish", "inn"]}, 400),
        ({"the": "glimmerfish", "inn": 1}, 400),
    ):
        sent, _ = _ask(gate, json.dumps(asked).encode(), "application/json")
        assert status_of(sent) == status


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"image": as_base64(LISTED)}).encode(), "application/json"),
        (json.dumps({"init_images": [f"data:image/jpeg;base64,{as_base64(LISTED)}"]}).encode(),
         "application/json"),
        (_multipart(prompt="sea", image=LISTED), MULTIPART),
        (_multipart(prompt="sea", image=OTHER, mask=LISTED), MULTIPART),
        (LISTED, "application/octet-stream"),
    ],
)  # fmt: skip
def test_a_listed_picture_stops_a_request(gate: ImageGate, body: bytes, kind: str) -> None:
    sent, server = _ask(gate, body, kind)
    assert (status_of(sent), server.reached) == (400, [])


@pytest.mark.parametrize(
    ("body", "kind", "more"),
    [
        (
            b"packed",
            "application/json",
            {"headers": [(b"content-encoding", b"gzip")]},
        ),
        (b'{"prompt": ', "application/json", {}),
        (b"[" * 100_000, "application/json", {}),
        (b"\xff\xfe\xfd", "application/octet-stream", {}),
        (b"no boundary", "multipart/form-data", {}),
        (b"--x\r\nContent-Disposition: form-data; na", MULTIPART, {}),
        (b"sea " * 1_000, "text/plain", {"max_bytes": 1_000}),
        (b'{"prompt": "+AGc-limmerfish"}', "application/json; charset=utf-7", {}),
        (_multipart(prompt="x"), "multipart/form-data; boundary=x; charset=utf-7", {}),
        (PACKED_PART, MULTIPART, {}),
        (b"sea " * 10_000, "text/plain", {}),
    ],
)
def test_what_cannot_be_looked_through_does_not_reach_the_server(
    gate: ImageGate, body: bytes, kind: str, more: dict[str, Any]
) -> None:
    sent, server = _ask(gate, body, kind, **more)
    assert status_of(sent) in (400, 503)
    assert server.reached == []


def test_requests_pass_unseen_only_where_that_is_asked_for(gate: ImageGate) -> None:
    _, server = _ask(gate, b"a glimmerfish", "text/plain", checks_requests=False)
    assert server.reached == [b"a glimmerfish"]


def test_a_message_of_a_connection_that_may_not_be_used_ends_it(gate: ImageGate) -> None:
    heard: list[dict[str, Any]] = []
    messages = [{"type": "websocket.connect"},
                {"type": "websocket.receive", "text": '{"prompt": "a quiet sea"}'},
                {"type": "websocket.receive", "text": '{"prompt": "a glimmerfish"}'}]  # fmt: skip

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while not heard or heard[-1]["type"] != "websocket.disconnect":
            heard.append(await receive())

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    async def serve() -> None:
        await GateMiddleware(app, gate)({"type": "websocket", "headers": []}, receive, send)

    run(serve)
    assert [one["type"] for one in heard] == [
        "websocket.connect", "websocket.receive", "websocket.disconnect",
    ]  # fmt: skip


def test_texts_for_review_pass_where_the_gate_shows_review(
    database: Database, make_scanner: MakeScanner
) -> None:
    import_text(database, "words", "term,entry_id\nglimmerfish,t1\n", kind=TERMS)
    policy = Policy(Settings(), ALGORITHMS)
    prompts = PromptScreener(database, policy, digest_key=b"k", max_characters=30)
    with ImageGate(make_scanner(), shows_review=True, prompts=prompts) as lenient:
        assert lenient.passes_prompts(["a glimmerfish"])
        assert not lenient.passes_prompts(["a quiet sea " * 20])
