"""Connections to one server (WebSocket), and to no other that it names."""

from __future__ import annotations

from websockets.asyncio.client import connect


class connect_once(connect):  # noqa: N801 (named as what it is a kind of)
    """A connection that follows no redirect."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the error: another server is not behind the gate."""
        return exc
