"""Every request gets an id, is counted, timed and logged: its route, never its contents."""

from __future__ import annotations

import re
import secrets
import time
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import logger
from .metrics import Metrics
from .problems import problem

_ID_HEADER = "X-Request-ID"
# Whatever a caller gives as an id goes into the log, so that it must be no hash or token.
_GIVEN_ID = re.compile(r"(?!.*[0-9A-Fa-f]{16})(?!.*hm_)[A-Za-z0-9._-]{1,64}")
# Asked every few seconds by machines, which nobody wants to read of.
_QUIET = {"/healthz", "/readyz", "/metrics", "/status", "/status/live"}

_log = logger("hashmatch.requests")


class Observing:
    """The outermost layer: also what is left when a handler breaks becomes an answer here."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(_ID_HEADER, "")
        request_id = given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        begun_s = time.perf_counter()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                headers[_ID_HEADER] = request_id
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, send_on)
            except Exception:
                _log.exception("a request broke")
                if status:  # The answer has begun; broken off, nobody takes it for whole.
                    raise
                detail = "this is a defect of hashmatch, please report it"
                answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
                await answer(scope, receive, send_on)
            finally:
                self._note(scope, status, time.perf_counter() - begun_s)

    def _note(self, scope: Scope, status: int, time_s: float) -> None:
        found = scope.get("route")
        route = getattr(found, "path", "none")
        self._metrics.count_request(scope["method"], route, status, time_s)
        if route not in _QUIET:
            token = scope.get("hashmatch.token", "")
            elapsed_ms = round(time_s * 1000, 1)
            method = scope["method"]
            _log.info(
                "request", method=method, route=route, status=status, ms=elapsed_ms, token=token
            )
