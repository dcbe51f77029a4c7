"""`/healthz`, `/readyz` and `/metrics`: what machines ask that keep the service running."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.store.tokens import Scope, Token

from .answers import json_answer, of_callers
from .authentication import RequireScope
from .models import Health
from .running import running_of

router = APIRouter(tags=["running"])

Measuring = Annotated[Token, Depends(RequireScope(Scope.METRICS))]


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """Say that the process answers. It says nothing of whether images can be screened."""
    return json_answer({"status": "alive"})


@router.get(
    "/readyz", response_model=Health, responses={503: {"model": Health, "description": "Not now"}}
)
async def readyz(request: Request) -> Response:
    """Say whether images can be screened: the index is loaded and fresh, and the store answers."""
    hindrance = await running_of(request).find_hindrance()
    if hindrance is None:
        return json_answer({"status": "ready"})
    # In no words of the store's, since nobody had to say who they are.
    return json_answer(
        {"status": "unready", "reason": hindrance.reason}, HTTPStatus.SERVICE_UNAVAILABLE
    )


@router.get(
    "/metrics",
    responses={
        **of_callers(),
        200: {"description": "All metrics", "content": {"text/plain": {}}},
    },
)
def metrics(request: Request, _: Measuring) -> Response:
    """Return what Prometheus scrapes."""
    return Response(running_of(request).exposition(), media_type=CONTENT_TYPE_LATEST)
