"""Servers of images in the place of real ones, and a client that sees every message they send."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from anyio import run

Sent = list[dict[str, Any]]


def answer(
    body: bytes,
    kind: str | None,
    *,
    status: int = 200,
    headers: Iterable[tuple[bytes, bytes]] = (),
    piece_bytes: int = 1 << 16,
) -> Any:
    """Return an application that gives this answer, in pieces."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kinds = [] if kind is None else [(b"content-type", kind.encode())]
        all_headers = [*kinds, (b"content-length", str(len(body)).encode()), *headers]
        await send({"type": "http.response.start", "status": status, "headers": all_headers})
        pieces = [body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes)] or [b""]
        for number, piece in enumerate(pieces, 1):
            is_last = number == len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": not is_last})

    return app


def ask(app: Any, **scope: Any) -> Sent:
    """Return every message that an application sends for one request."""
    sent: Sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(dict(message))

    async def serve() -> None:
        await app({"type": "http", "method": "GET", "headers": [], **scope}, receive, send)

    run(serve)
    return sent


def connect(app: Any) -> Sent:
    """Return every message that an application sends to a client of a WebSocket."""
    sent: Sent = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def serve() -> None:
        await app({"type": "websocket", "headers": []}, None, send)

    run(serve)
    return sent


def says(messages: Sequence[dict[str, Any]]) -> Callable[..., Awaitable[None]]:
    """Return an application of a WebSocket that sends these messages."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for one in messages:
            await send(one)

    return app


def status_of(sent: Sent) -> int:
    return int(sent[0]["status"])


def body_of(sent: Sent) -> bytes:
    return b"".join(one.get("body", b"") for one in sent[1:])


def headers_of(sent: Sent) -> dict[bytes, bytes]:
    return dict(sent[0]["headers"])


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def images_answer(*files: bytes) -> bytes:
    """Return an answer in the shape of the images API (openai 3.57: `ImagesResponse`)."""
    data = [{"b64_json": as_base64(one), "revised_prompt": "x"} for one in files]
    return json.dumps({"created": 1, "data": data, "output_format": "png"}).encode()


def event(value: Any, name: str = "") -> bytes:
    """Return a server-sent event."""
    text = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
