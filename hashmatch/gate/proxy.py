"""Proxy mode: the gate before a server of images that nothing can be put into.

It passes requests and connections on to one server, and holds what comes back as `GateMiddleware`
does. Needs the extra `proxy` for connections (WebSocket), such as those of ComfyUI.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import httpx

from hashmatch.errors import ConfigError, GuardError
from hashmatch.outbound import quieten_client

from .asgi import GateMiddleware
from .gate import ImageGate
from .previews import Message
from .taking import Receive

_Headers: TypeAlias = list[tuple[bytes, bytes]]

# Headers of one hop (RFC 9110, 7.6.1), and those that the proxy writes itself.
_OF_ONE_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization",
     b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"host",
     b"accept-encoding", b"content-length", b"date"}
)  # fmt: skip
_OF_A_HANDSHAKE = b"sec-websocket-"
# A generator may draw for minutes.
_CONNECT_S, _ANSWER_S = 10.0, 1_800.0
_MAX_BYTES = 64 << 20
_GONE, _TRY_AGAIN = 1001, 1013
_PASSED_CODES = frozenset({1000, 1001, 1008, 1011})


class _RefusedAddressError(Exception):
    """An address with parts that lead out of the place that the proxy serves."""


class Proxy:
    """An application that passes everything on to a server: a gate belongs before it.

    Raises `ConfigError` for an address that is not the root of a server.
    """

    def __init__(self, server: str, *, max_bytes: int = _MAX_BYTES) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ConfigError(
                f"{server}: not the address of a server",
                hint="Give it as http://127.0.0.1:8188, maybe with a path.",
            )
        quieten_client()  # It would log addresses, with what is asked for in them.
        self._base = server.rstrip("/")
        self._max_bytes = max_bytes
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Any) -> None:
        """Serve one request or connection, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _live(self, receive: Receive, send: Any) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        if self._client is not None:
            await self._client.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _pass_on(self, scope: MutableMapping[str, Any], receive: Receive, send: Any) -> None:
        if self._client is None:
            # Of this process alone: no settings of proxies in the environment, and no redirects.
            timeout = httpx.Timeout(_ANSWER_S, connect=_CONNECT_S)
            self._client = httpx.AsyncClient(timeout=timeout, trust_env=False)
        begun = False
        try:
            request = self._client.build_request(
                scope["method"], self._address(scope), headers=_passed_on(scope["headers"]),
                content=await _body(receive),
            )  # fmt: skip
            answer = await self._client.send(request, stream=True)
            try:
                headers = _without_hop(answer.headers.raw)
                await send({"type": "http.response.start", "status": answer.status_code,
                            "headers": headers})  # fmt: skip
                begun = True
                async for piece in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                await answer.aclose()
        except _RefusedAddressError:
            await _answer_problem(send, 400, "the address has dots for parts")
        except httpx.HTTPError as error:
            if begun:  # What has left so far is no whole answer, and must not look like one.
                raise GuardError("the server ended an answer before its end") from error
            await _answer_problem(send, 502, "the server behind the gate cannot be reached")

    async def _connect(self, scope: MutableMapping[str, Any], receive: Receive, send: Any) -> None:
        try:
            from websockets.exceptions import WebSocketException

            from .connecting import connect_once
        except ImportError as error:
            hint = "Install the extra 'proxy'."
            raise GuardError("connections cannot be passed on", hint=hint) from error
        await receive()  # The handshake.
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in _passed_on(scope["headers"])
            if not name.startswith(_OF_A_HANDSHAKE)
        ]
        try:
            address = "ws" + self._address(scope).removeprefix("http")
            async with connect_once(
                address, additional_headers=headers, compression=None, max_size=self._max_bytes,
                subprotocols=scope.get("subprotocols") or None, proxy=None,
                open_timeout=_CONNECT_S, user_agent_header=None,
            ) as server:  # fmt: skip
                await send({"type": "websocket.accept", "subprotocol": server.subprotocol})
                await _exchange(server, receive, send)
        except (OSError, TimeoutError, WebSocketException, _RefusedAddressError):
            with suppress(RuntimeError):  # It may have ended by itself.
                await send({"type": "websocket.close", "code": _TRY_AGAIN})

    def _address(self, scope: MutableMapping[str, Any]) -> str:
        path = bytes(scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
        query = bytes(scope.get("query_string", b""))
        # What begins with two slashes would name another server, and dots another place of it.
        place = "/" + path.decode("ascii", "ignore").lstrip("/")
        if any(unquote(one) in (".", "..") for one in place.split("/")):
            raise _RefusedAddressError
        return f"{self._base}{place}" + (f"?{query.decode('ascii', 'ignore')}" if query else "")


def guarded_proxy(
    server: str, gate: ImageGate, *, max_bytes: int = _MAX_BYTES, passes_others: bool = False
) -> GateMiddleware:
    """Return an application that serves what a server does, behind a gate.

    Raises `ConfigError` for an address that is not the root of a server.
    """
    return GateMiddleware(
        Proxy(server, max_bytes=max_bytes), gate, max_bytes=max_bytes,
        passes_others=passes_others, adapter="proxy",
    )  # fmt: skip


def serve_proxy(proxy: GateMiddleware, *, host: str, port: int) -> None:
    """Serve a guarded proxy until a signal ends it."""
    import uvicorn

    # Its logs would have the addresses of requests, with what is asked for in them.
    uvicorn.run(
        proxy, host=host, port=port, log_config=None, access_log=False, server_header=False,
        proxy_headers=False, ws_max_size=_MAX_BYTES,
    )  # fmt: skip


async def _exchange(server: Any, receive: Receive, send: Any) -> None:
    """Pass messages on both ways, until either side ends."""

    async def from_client() -> None:
        while (message := await receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            await server.send(message.get("text") or "" if data is None else data)
        await server.close(message.get("code") if message.get("code") in _PASSED_CODES else _GONE)

    async def from_server() -> None:
        async for data in server:
            kind = "text" if isinstance(data, str) else "bytes"
            await send({"type": "websocket.send", kind: data})

    tasks = {asyncio.ensure_future(one()) for one in (from_client, from_server)}
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for one in others:
        one.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    with suppress(RuntimeError):
        await send({"type": "websocket.close", "code": server.close_code or _GONE})
    for one in done:
        if error := one.exception():
            raise error


async def _body(receive: Receive) -> bytes:
    """Return the body of a request, which the gate has taken as a whole before."""
    pieces, is_last = [], False
    while not is_last:
        message: Message = await receive()
        pieces.append(message.get("body", b""))
        is_last = message["type"] != "http.request" or not message.get("more_body", False)
    return b"".join(pieces)


def _passed_on(headers: Iterable[tuple[bytes, bytes]]) -> _Headers:
    """Return the headers for the server, which is asked for unpacked answers."""
    return [*_without_hop(headers), (b"accept-encoding", b"identity")]


def _without_hop(headers: Iterable[tuple[bytes, bytes]]) -> _Headers:
    own = [(name.lower(), value) for name, value in headers]
    named = {
        one.strip().lower()
        for name, value in own
        if name == b"connection"
        for one in value.split(b",")
    } - {b"content-type"}  # By which the gate has read the body.
    return [(name, value) for name, value in own if name not in _OF_ONE_HOP | named]


async def _answer_problem(send: Any, status: int, message: str) -> None:
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
