"""Middleware for servers of images (ASGI 3), which holds each answer until it is decided.

Put it inside any compression and outside everything that makes pictures:

    app = GateMiddleware(app, gate)
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from anyio import Lock
from anyio.to_thread import run_sync

from .answers import Bounds, Refusal, RefusedError, screen
from .decisions import Context, Decision
from .events import EventScreen, error_body, error_event
from .gate import ImageGate
from .previews import Message, screen_message
from .requests import require_passing
from .taking import Receive, address_of, receive_message, take_request

Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_ADAPTER = "asgi"
_MAX_BYTES = 64 << 20
_MAX_ANSWERS = 64
# Ways for a server to send bytes that the middleware never sees, and what follows an answer.
_EXTENSIONS = frozenset(
    {"http.response.pathsend", "http.response.zerocopysend", "http.response.trailers",
     "http.response.push", "websocket.http.response"}
)  # fmt: skip
# A part of a picture cannot be decoded, and a packed one not looked at.
_REQUEST_HEADERS = frozenset({b"range", b"if-range", b"accept-encoding"})
# What is said of the body that the application made, and not of the one that leaves.
_OF_THE_BODY = frozenset(
    {b"content-length", b"etag", b"digest", b"content-digest", b"repr-digest", b"content-md5",
     b"last-modified", b"accept-ranges", b"content-range"}
)  # fmt: skip
# Headers by which a server in front sends a file by itself.
_ELSEWHERE = frozenset({b"x-accel-redirect", b"x-sendfile", b"x-lighttpd-send-file"})
_STATUSES = {Refusal.BLOCKED: 400, Refusal.UNSCREENED: 503}


class GateMiddleware:
    """An application whose pictures go through a gate; whatever cannot be decided does not leave.

    `max_bytes` bounds one answer or one event, and `max_answers` the answers that are held at a
    time: more are turned away before the application makes anything. Answers with the address of a
    picture in its place are withheld unless `passes_urls`, for servers whose files leave through a
    gate of their own, and files that are neither pictures nor text unless `passes_others`. With
    `checks_requests` the pictures in requests go through the gate, too, and their words where the
    gate checks prompts.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: ImageGate,
        *,
        max_bytes: int = _MAX_BYTES,
        max_answers: int = _MAX_ANSWERS,
        passes_urls: bool = False,
        passes_others: bool = False,
        checks_requests: bool = True,
        adapter: str = _ADAPTER,
    ) -> None:
        self._app = app
        self._gate = gate
        self._bounds = Bounds(max_bytes, passes_urls, passes_others)
        self._max_answers = max_answers
        self._answers = 0
        self._context = Context(adapter)
        self._checks_requests = checks_requests

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] == "websocket":
            if self._checks_requests:
                try:
                    await run_sync(self._look, b"", "", address_of(scope))
                except RefusedError:
                    await send({"type": "websocket.close", "code": 1008})
                    return
                receive = partial(receive_message, receive, self._look)
            await self._app(_stripped(scope), receive, partial(self._send_preview, send))
            return
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"a connection of type {scope['type']} cannot be guarded")
        if self._answers >= self._max_answers:
            await _refuse(send, Refusal.UNSCREENED)
            return
        self._answers += 1
        try:
            answer = _Answer(self._check, self._bounds, send)
            if self._checks_requests:
                receive = await take_request(scope, receive, self._look, self._bounds.max_bytes)
            await self._app(_stripped(scope), receive, answer.take)
        except RefusedError as error:
            await _refuse(send, error.refusal)
        finally:
            self._answers -= 1

    def _look(self, body: bytes, kind: str, address: bytes) -> None:
        """Look at what a request asks with. Raises `RefusedError`."""
        require_passing(
            body, kind, address, self._gate, self._context.adapter,
            passes_others=self._bounds.passes_others,
        )  # fmt: skip

    def _check(self, pictures: Sequence[bytes]) -> Sequence[Decision]:
        return self._gate.check(list(pictures), context=self._context).decisions

    async def _send_preview(self, send: Send, message: Message) -> None:
        if message["type"] == "websocket.send":
            screened = await run_sync(screen_message, message, self._check, self._bounds)
            if screened is not None:
                await send(screened)
        elif message["type"] in ("websocket.accept", "websocket.close"):
            await send(message)
        # Answers in place of a connection would leave past all this.


class _Answer:
    """One answer, held from its start until its body is decided."""

    def __init__(self, check: Any, bounds: Bounds, send: Send) -> None:
        self._check = check
        self._bounds = bounds
        self._send = send
        self._start: Message | None = None
        self._kind = ""
        self._events: EventScreen | None = None
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self._is_over = False
        self._taking = Lock()

    async def take(self, message: Message) -> None:
        """Take the next message of the application."""
        async with self._taking:  # Some applications send from several tasks.
            if not self._is_over:
                await self._take(message)

    async def _take(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start":
                await self._begin(message)
            case "http.response.body":
                await self._add(message.get("body", b""), is_last=not message.get("more_body"))
            case "http.response.early_hint" | "http.response.debug":
                await self._send(message)
            case _:
                await self._refuse(Refusal.UNSCREENED)

    async def _begin(self, start: Message) -> None:
        headers = [(bytes(name).lower(), bytes(value)) for name, value in start.get("headers", ())]
        packed = {value.strip().lower() for name, value in headers if name == b"content-encoding"}
        kinds = [value for name, value in headers if name == b"content-type"]
        self._start = start
        self._kind = b",".join(kinds).decode("latin-1")
        elsewhere = any(name in _ELSEWHERE for name, _ in headers)
        addresses = [value for name, value in headers if name == b"location" and b"//" in value]
        if (
            packed - {b"", b"identity"}
            or elsewhere
            or (addresses and not self._bounds.passes_urls)
            or self._events is not None
        ):
            await self._refuse(Refusal.UNSCREENED)
        elif self._kind.partition(";")[0].strip().lower() == "text/event-stream":
            self._events = EventScreen(self._check, self._bounds)
            await self._send_start(length=None)

    async def _add(self, piece: bytes, *, is_last: bool) -> None:
        if self._start is None:
            await self._refuse(Refusal.UNSCREENED)
        elif self._events is not None:
            await self._add_events(self._events, piece, is_last=is_last)
        else:
            self._buffer.append(piece)
            self._buffered_bytes += len(piece)
            if self._buffered_bytes > self._bounds.max_bytes:
                await self._refuse(Refusal.UNSCREENED)
            elif is_last:
                await self._decide()

    async def _add_events(self, events: EventScreen, piece: bytes, *, is_last: bool) -> None:
        try:
            body = await run_sync(partial(events.feed, piece, is_last=is_last))
        except RefusedError as error:
            body, is_last = error_event(error.refusal), True
        if body or is_last:
            self._is_over = is_last
            await self._send(_body(body, more_body=not is_last))

    async def _decide(self) -> None:
        body, self._buffer = b"".join(self._buffer), []
        try:
            screened = await run_sync(screen, body, self._kind, self._check, self._bounds)
        except RefusedError as error:
            await self._refuse(error.refusal)
            return
        # An answer to HEAD, and one without a body, says how long another would be.
        if screened is body or not body:
            await self._send(self._start or {})
        else:
            await self._send_start(length=len(screened))
        self._is_over = True
        await self._send(_body(screened))

    async def _send_start(self, length: int | None) -> None:
        start = self._start or {}
        headers = [
            (name, value)
            for name, value in start.get("headers", ())
            if bytes(name).lower() not in _OF_THE_BODY
        ]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await self._send({**start, "headers": headers})

    async def _refuse(self, refusal: Refusal) -> None:
        self._is_over, self._buffer = True, []
        if self._events is None:
            await _refuse(self._send, refusal)
        else:  # The answer has begun.
            await self._send(_body(error_event(refusal)))


def _stripped(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    """Return a scope without the ways past the middleware."""
    extensions = scope.get("extensions") or {}
    return {
        **scope,
        "extensions": {key: one for key, one in extensions.items() if key not in _EXTENSIONS},
        "headers": [
            (name, value)
            for name, value in scope.get("headers", ())
            if bytes(name).lower() not in _REQUEST_HEADERS
        ],
    }


def _body(body: bytes, *, more_body: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more_body}


async def _refuse(send: Send, refusal: Refusal) -> None:
    """Send an error in the shape of the images API, which names no list and no distance."""
    body = json.dumps(error_body(refusal)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if refusal is Refusal.UNSCREENED:
        headers.append((b"retry-after", b"10"))
    await send({"type": "http.response.start", "status": _STATUSES[refusal], "headers": headers})
    await send(_body(body))
