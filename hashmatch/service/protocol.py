"""HTTP as uvicorn speaks it, but for request heads without end and connections that say nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HEAD_BYTES = 64 * 1024
_HEAD_TIMEOUT_S = 30.0
_TOO_LARGE, _TOO_LATE = b"431 Request Header Fields Too Large", b"408 Request Timeout"


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request's head is too long, or does not come in time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._is_in_head = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a request's head."""
        super().on_message_begin()
        self._head_bytes, self._is_in_head = 0, True
        self._await_head()

    def on_headers_complete(self) -> None:
        """Go on: a body has a limit and a deadline of its own."""
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take what came; a piece of it is never long."""
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > _MOST_HEAD_BYTES:
            self._refuse(_TOO_LARGE)

    def _await_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(_HEAD_TIMEOUT_S, self._refuse, _TOO_LATE)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            answer = b"HTTP/1.1 %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(answer % status)
            self.transport.close()
