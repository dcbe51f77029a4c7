"""Routes for monitoring: liveness, readiness and metrics."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.store.tokens import Scope, Token

from ..http.authentication import RequireScope
from ..runtime.state import state_of
from .answers import error_responses, json_answer
from .models import Health

router = APIRouter(tags=["operations"])
MetricsToken = Annotated[Token, Depends(RequireScope(Scope.METRICS))]


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """Say that the process answers, whether or not it can screen images."""
    return json_answer({"status": "alive"})


@router.get(
    "/readyz", response_model=Health, responses={503: {"model": Health, "description": "Not now"}}
)
async def readyz(request: Request) -> Response:
    """Say whether images can be screened: the index is loaded and fresh, and the store answers."""
    failure = await state_of(request).readiness_failure()
    if failure is None:
        return json_answer({"status": "ready"})
    # Without the detail, which may name hosts and files: this route needs no token.
    return json_answer(
        {"status": "unready", "reason": failure.reason}, HTTPStatus.SERVICE_UNAVAILABLE
    )


@router.get(
    "/metrics",
    responses={
        **error_responses(),
        200: {"description": "All metrics", "content": {"text/plain": {}}},
    },
)
def metrics(request: Request, _: MetricsToken) -> Response:
    """Return the metrics in Prometheus' text format."""
    return Response(state_of(request).exposition(), media_type=CONTENT_TYPE_LATEST)
