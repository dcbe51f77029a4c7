"""Probes of HMA, which its clients and monitoring ask without a token."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from starlette.requests import Request
from starlette.responses import Response

from ...runtime.state import state_of

router = APIRouter(tags=["HMA-compatible"])


@router.get(
    "/status",
    response_class=PlainTextResponse,
    responses={
        503: {"description": "Images cannot be screened now", "content": {"text/plain": {}}}
    },
)
async def status(request: Request) -> Response:
    """Say whether images can be screened."""
    # These are the texts of HMA.
    if await state_of(request).readiness_failure() is None:
        return PlainTextResponse("I-AM-ALIVE")
    return PlainTextResponse("INDEX-STALE", HTTPStatus.SERVICE_UNAVAILABLE)


@router.get("/status/live", response_class=PlainTextResponse)
async def status_live() -> Response:
    """Say that the service runs."""
    return PlainTextResponse("I-AM-ALIVE")
