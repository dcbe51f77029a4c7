"""Proxy mode: a server of images behind the gate, over real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from hashmatch.errors import ConfigError
from hashmatch.gate import ImageGate, guarded_proxy
from hashmatch.gate.proxy import Proxy
from hashmatch.store.engine import Database
from tests.command_line import CommandLine
from tests.gate.servers import images_answer
from tests.pictures import drawn, list_of
from tests.store.importing import import_text

LISTED, OTHER = drawn(1), drawn(9)
PATIENCE_S = 60
# ComfyUI's message of a preview: its type, its format, and the picture.
_PREVIEW = b"\0\0\0\1\0\0\0\1"


@contextmanager
def _serving(app: Any) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="auto"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while not server.started:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


class _Upstream:
    """A server of images that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._talk(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            raise RuntimeError

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        path = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        sent = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["method"], path, sent, body))
        picture = LISTED if b"listed" in scope["query_string"] else OTHER
        answers = {
            "/view": (picture, b"image/jpeg"),
            "/json": (images_answer(picture), b"application/json"),
        }
        answer, kind = answers.get(scope["path"], (b"{}", b"application/json"))
        headers = [(b"content-type", kind), (b"keep-alive", b"timeout=5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _talk(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            picture = LISTED if message.get("text") == "listed" else OTHER
            await send({"type": "websocket.send", "bytes": _PREVIEW + picture})
            await send({"type": "websocket.send", "text": json.dumps({"said": message["text"]})})


@pytest.fixture
def upstream() -> _Upstream:
    return _Upstream()


@pytest.fixture
def address(upstream: _Upstream, gate: ImageGate, database: Database) -> Iterator[str]:
    import_text(database, "one", list_of(1))
    with _serving(upstream) as behind, _serving(guarded_proxy(f"http://{behind}", gate)) as front:
        yield front


def _get(address: str, path: str, **options: Any) -> httpx.Response:
    return httpx.get(f"http://{address}{path}", timeout=PATIENCE_S, **options)


def test_what_is_clear_comes_through_and_what_is_listed_does_not(address: str) -> None:
    clear = _get(address, "/view?filename=a.png")
    assert (clear.status_code, clear.content) == (200, OTHER)
    assert clear.headers["content-type"] == "image/jpeg"
    assert "keep-alive" not in clear.headers
    assert "," not in clear.headers["date"].partition(", ")[2]  # One, and not one of each server.
    listed = _get(address, "/view?filename=listed.png")
    assert (listed.status_code, listed.json()["error"]["code"]) == (400, "moderation_blocked")
    assert _get(address, "/json?listed").status_code == 400
    assert _get(address, "/json").json()["data"]


def test_requests_arrive_as_they_were_but_for_what_would_pass_by_the_gate(
    address: str, upstream: _Upstream
) -> None:
    body = json.dumps({"prompt": "sea"}).encode()
    headers = {"authorization": "Bearer x", "range": "bytes=0-9", "accept-encoding": "gzip"}
    httpx.post(f"http://{address}/a%20b?c=%2F", content=body, headers=headers, timeout=PATIENCE_S)
    ((method, path, sent, received),) = upstream.asked
    assert (method, path, received) == ("POST", "/a%20b?c=%2F", body)
    assert sent["authorization"] == "Bearer x"
    assert sent["accept-encoding"] == "identity"
    assert "range" not in sent
    assert sent["host"] != address


def test_an_address_cannot_name_another_server(address: str, upstream: _Upstream) -> None:
    _get(address, "//elsewhere.example/x")
    ((_, path, _, _),) = upstream.asked
    assert path == "/elsewhere.example/x?"


def test_a_listed_picture_in_a_request_does_not_arrive(address: str, upstream: _Upstream) -> None:
    answer = httpx.post(f"http://{address}/upload", files={"image": LISTED}, timeout=PATIENCE_S)
    assert answer.status_code == 400
    assert upstream.asked == []


def test_previews_of_a_connection_are_looked_at(address: str) -> None:
    with connect(f"ws://{address}/ws?clientId=1") as client:
        client.send("sea")
        assert client.recv(PATIENCE_S) == _PREVIEW + OTHER
        assert json.loads(client.recv(PATIENCE_S)) == {"said": "sea"}
        client.send("listed")
        assert json.loads(client.recv(PATIENCE_S)) == {"said": "listed"}


def test_without_the_server_there_is_an_error_and_no_picture(gate: ImageGate) -> None:
    with _serving(guarded_proxy("http://127.0.0.1:9", gate)) as address:
        assert _get(address, "/view").status_code == 502
        with pytest.raises((ConnectionClosed, InvalidStatus)), connect(f"ws://{address}/") as one:
            one.recv(PATIENCE_S)


@pytest.mark.parametrize("server", ["", "127.0.0.1:80", "file:///x", "http://", "http://a/?b=c"])
def test_only_the_address_of_a_server_is_taken(server: str) -> None:
    with pytest.raises(ConfigError, match="not the address of a server"):
        Proxy(server)


def test_the_command_says_what_is_wrong_with_an_address(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    result = command_line.run("gate", "proxy", "nowhere")
    assert result.exit_code == 2
    assert "nowhere: not the address of a server" in result.stderr
    assert "serves" not in result.output
