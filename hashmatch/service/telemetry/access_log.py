"""Access log: every request with an id, counted and timed; its route, never its contents."""

from __future__ import annotations

import re
import secrets
import time
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.problems import error_answer
from .logs import logger
from .metrics import Metrics

_ID_HEADER = "X-Request-ID"
# An id from the caller goes into the log, so that one which could be a hash or a token is replaced.
_GIVEN_ID = re.compile(r"(?!.*[0-9A-Fa-f]{16})(?!.*hm_)[A-Za-z0-9._-]{1,64}")
# Requested every few seconds by monitoring, which would drown the other lines.
_UNLOGGED = {"/healthz", "/readyz", "/metrics", "/status", "/status/live"}
_log = logger("hashmatch.requests")


class AccessLog:
    """Outermost middleware: it also turns an unhandled exception into an answer."""

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
        started_at_s = time.perf_counter()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                headers[_ID_HEADER] = request_id
                # Answers are about single images, or about people.
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, send_on)
            except Exception:
                _log.exception("unhandled error in a request")
                # Once an answer has begun, only closing the connection shows that it is incomplete.
                if status:
                    raise
                detail = "this is a defect of hashmatch, please report it"
                answer = error_answer(scope, HTTPStatus.INTERNAL_SERVER_ERROR, detail)
                await answer(scope, receive, send_on)
            finally:
                self._note(scope, status, time.perf_counter() - started_at_s)

    def _note(self, scope: Scope, status: int, time_s: float) -> None:
        found = scope.get("route")
        # The pattern of the path: paths hold ids, each of which would be a series of its own.
        route = getattr(found, "path", "none")
        if route != "none":  # Of the console its patterns begin after where it is mounted.
            route = scope.get("root_path", "") + route
        self._metrics.count_request(scope["method"], route, status, time_s)
        if route not in _UNLOGGED:
            token = scope.get("hashmatch.token", "")
            elapsed_ms = round(time_s * 1000, 1)
            method = scope["method"]
            _log.info(
                "request", method=method, route=route, status=status, ms=elapsed_ms, token=token
            )
