"""Routes of prompts: listed terms in what people ask image generators for."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import OverloadedError
from hashmatch.outcome import Reason
from hashmatch.prompts import PromptOutcome, PromptVerdict
from hashmatch.store.tokens import Scope, Token

from ..http.authentication import RequireScope
from ..http.bodies import receive_json
from ..runtime.state import state_of
from .answers import error_responses, json_answer, json_body, status_of_reason
from .models import PromptAnswer, PromptRequest

router = APIRouter(tags=["screening"])
_NO_VERDICT = {"model": PromptAnswer, "description": "Not checked in full because of the prompt"}
_NOT_NOW = {"model": PromptAnswer, "description": "Not checked because of the service: try again"}


@router.post(
    "/v1/prompts",
    response_model=PromptAnswer,
    openapi_extra=json_body(PromptRequest),
    responses={
        **error_responses(),
        413: _NO_VERDICT,
        422: _NO_VERDICT,
        429: _NOT_NOW,
        503: _NOT_NOW,
    },
)
async def check_prompt(
    request: Request, _: Annotated[Token, Depends(RequireScope(Scope.SCAN))]
) -> Response:
    """Look for listed terms in a prompt, in any disguise.

    Send all that steers the picture as one text, a negative prompt too. On record are the ids of
    the terms that matched and a keyed hash of the prompt, never the prompt. A prompt that could not
    be checked in full is for review, with a reason.
    """
    service = state_of(request)
    timeout_s = service.settings.service.body_timeout_s
    with service.buffers.reserve() as take:
        asked = await receive_json(request, PromptRequest, timeout_s=timeout_s, take=take)
        job = partial(service.check_prompt, asked.prompt, asked.prompt_id)
        try:
            with service.lookups.admitted():
                verdict = await service.work(service.lookups, job)
        except OverloadedError as error:
            verdict = PromptVerdict(PromptOutcome.REVIEW, (), Reason.OVERLOADED, error.message)
    service.metrics.count_prompt(verdict)
    status = HTTPStatus.OK if verdict.reason is None else status_of_reason(verdict.reason)
    return json_answer(verdict.as_json(), status)
