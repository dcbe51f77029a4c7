"""Strict query strings: one that could be read in two ways could name two images."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import error_answer


class StrictQueries:
    """Middleware that refuses queries that are not UTF-8 or repeat a parameter."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] == "http" and (fault := _fault(scope["query_string"])):
            await error_answer(scope, HTTPStatus.BAD_REQUEST, fault)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _fault(query: bytes) -> str:
    # Strict: replaced characters could make the ids of two images the same.
    try:
        given = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        return "the query is not percent-encoded UTF-8"
    names = [name for name, _ in given]
    return "the query repeats a parameter" if len(names) > len(set(names)) else ""
