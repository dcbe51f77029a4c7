"""Load shedding: scans that there is no room for are refused before anything else is done.

Under ten times the possible load a refusal must cost next to nothing, or refusals would take the
processors away from the accepted scans. So this layer comes before routes and logs, and knows only
tokens that were checked a moment ago.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from hashmatch.errors import OverloadedError
from hashmatch.store.tokens import Scope as StoreScope

from ..runtime.state import ServiceState
from ..telemetry.logs import logger
from ..telemetry.metrics import Metrics
from .answers import answer_outcome

_PATH = "/v1/scan"
# One line for each refused scan would be load of its own.
_SECONDS_BETWEEN_WARNINGS = 10.0
_log = logger("hashmatch.overload")


class LoadShedding:
    """Middleware that answers scans with 429 and an outcome while there is no room for them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._warned_at_s = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] == "http" and scope["path"] == _PATH:
            service: ServiceState = scope["app"].state.service
            # Only callers with a valid token learn that the service is full; others get a 401.
            authorization = Headers(scope=scope).get("authorization")
            if not service.authenticator.is_known(authorization, StoreScope.SCAN):
                await self._app(scope, receive, send)
                return
            try:
                service.scans.require_room()
            except OverloadedError as error:
                self._warn()
                given = parse_qs(scope["query_string"].decode(errors="replace")).get("content_id")
                # A content id has at most 1,000 characters; nothing has checked this one.
                outcome = service.shed(given[0][:1000] if given else "", error.message)
                self._metrics.count_outcomes(outcome)
                status = HTTPStatus.TOO_MANY_REQUESTS
                self._metrics.count_request(scope["method"], _PATH, status, 0.0)
                await answer_outcome(outcome)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _warn(self) -> None:
        now_s = time.monotonic()
        if now_s - self._warned_at_s > _SECONDS_BETWEEN_WARNINGS:
            self._warned_at_s = now_s
            _log.warning("scans are refused: the queue is full")
