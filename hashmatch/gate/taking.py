"""Taking of requests (ASGI 3): as a whole, so that they are looked at before anything begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from anyio.to_thread import run_sync

from .answers import Refusal, RefusedError
from .previews import Message

Receive: TypeAlias = Callable[[], Awaitable[Message]]
# Gets the body of a request, its content type and its address; raises `RefusedError`.
Look: TypeAlias = Callable[[bytes, str, bytes], None]

_POLICY_VIOLATION = 1008


async def take_request(
    scope: MutableMapping[str, Any], receive: Receive, look: Look, max_bytes: int
) -> Receive:
    """Receive a request, look at it, and return a receiver that gives it to the application.

    Raises `RefusedError`, also for a body that is packed or has more than `max_bytes`.
    """
    headers = [(bytes(name).lower(), bytes(value)) for name, value in scope.get("headers", ())]
    packed = {value.strip().lower() for name, value in headers if name == b"content-encoding"}
    if packed - {b"", b"identity"}:
        raise RefusedError(Refusal.UNSCREENED, "a packed request")
    kind = ",".join(value.decode("latin-1") for name, value in headers if name == b"content-type")
    pieces, taken = [], 0
    is_last = False
    while not is_last:
        message = await receive()
        if message["type"] != "http.request":  # The client has left.
            return _again([message], receive)
        pieces.append(message.get("body", b""))
        taken += len(pieces[-1])
        if taken > max_bytes:
            raise RefusedError(Refusal.UNSCREENED, "a request that is too long")
        is_last = not message.get("more_body", False)
    body = b"".join(pieces)
    await run_sync(look, body, kind, address_of(scope))
    return _again([{"type": "http.request", "body": body, "more_body": False}], receive)


def address_of(scope: MutableMapping[str, Any]) -> bytes:
    """Return the path and the query of a request, as they were sent."""
    path = scope.get("raw_path") or str(scope.get("path", "")).encode()
    return bytes(path) + b"?" + bytes(scope.get("query_string", b""))


async def receive_message(receive: Receive, look: Look) -> Message:
    """Return the next message of a connection; one that may not be used ends it."""
    message = await receive()
    if message["type"] != "websocket.receive":
        return message
    text, data = message.get("text"), message.get("bytes")
    try:
        await run_sync(look, data or (text or "").encode("utf-8", "replace"), "", b"")
    except RefusedError:
        return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
    return message


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Return a receiver that gives these messages first."""

    async def next_message() -> Message:
        return messages.pop(0) if messages else await receive()

    return next_message
