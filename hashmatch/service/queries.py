"""Queries that could be read in two ways are refused: who knows which image they mean."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import problem


class StrictQueries:
    """Refuses queries that are not UTF-8, and ones that give a parameter twice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "http" and (words := _fault(scope["query_string"])):
            await problem(HTTPStatus.BAD_REQUEST, words)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _fault(query: bytes) -> str:
    try:
        given = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        return "the query is not UTF-8, percent-encoded"
    names = [name for name, _ in given]
    return "the query gives a parameter twice" if len(names) > len(set(names)) else ""
