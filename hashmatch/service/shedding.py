"""The quickest way to say no: when there is no room for another scan, nothing else is looked at.

Under ten times more than can be done, what is turned away must cost next to nothing, or it would
take the processors from what was accepted. So this comes before routes and logs, and knows tokens
only by what is remembered of them.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from hashmatch.errors import OverloadedError
from hashmatch.store.tokens import Scope as StoreScope

from .answers import answer_outcome
from .logs import logger
from .metrics import Metrics
from .running import Running

_PATH = "/v1/scan"
_SECONDS_BETWEEN_WARNINGS = 10.0

_log = logger("hashmatch.overload")


class Shedding:
    """Answers scans that there is no room for with 429, in the shape of any other outcome."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._warned_at_s = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "http" and scope["path"] == _PATH:
            running: Running = scope["app"].state.running
            authorization = Headers(scope=scope).get("authorization")
            if not running.authenticator.is_known(authorization, StoreScope.SCAN):
                await self._app(scope, receive, send)
                return
            try:
                running.scans.require_room()
            except OverloadedError as error:
                self._warn()
                given = parse_qs(scope["query_string"].decode(errors="replace")).get("content_id")
                outcome = running.turn_away(given[0][:1000] if given else "", error.message)
                self._metrics.count_outcomes(outcome)
                status = HTTPStatus.TOO_MANY_REQUESTS
                self._metrics.count_request(scope["method"], _PATH, status, 0.0)
                await answer_outcome(outcome, show_hashes=False)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _warn(self) -> None:
        now_s = time.monotonic()
        if now_s - self._warned_at_s > _SECONDS_BETWEEN_WARNINGS:
            self._warned_at_s = now_s
            _log.warning("scans are turned away: there is more to do than can wait")
