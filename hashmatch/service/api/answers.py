"""Answers: outcomes in the same JSON as on the command line, and the status of each reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, assert_never

from pydantic import BaseModel
from starlette.responses import Response

from hashmatch.outcome import Outcome, Reason, Unscreened
from hashmatch.wire import outcome_as_json

from ..http.problems import retry_after
from .models import Problem

_UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY


def status_of_outcome(outcome: Outcome) -> HTTPStatus:
    """Return the status: 200 with a verdict, otherwise one that says whose fault that is."""
    return status_of_reason(outcome.reason) if isinstance(outcome, Unscreened) else HTTPStatus.OK


def answer_outcome(
    outcome: Outcome, *, show_hashes: bool = False, show_distances: bool = False
) -> Response:
    """Return what became of one image."""
    status = status_of_outcome(outcome)
    content = outcome_as_json(outcome, show_hashes=show_hashes, show_distances=show_distances)
    return json_answer(content, status)


def answer_outcomes(
    outcomes: Sequence[Outcome], *, show_hashes: bool, show_distances: bool
) -> Response:
    """Return what became of many; the status is 200 unless some failed because of us."""
    statuses = map(status_of_outcome, outcomes)
    failed = [one for one in statuses if one >= HTTPStatus.TOO_MANY_REQUESTS]
    results = [
        outcome_as_json(one, show_hashes=show_hashes, show_distances=show_distances)
        for one in outcomes
    ]
    return json_answer({"results": results}, max(failed, default=HTTPStatus.OK))


def json_answer(content: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return an answer with the content as JSON."""
    # Faster than the serializer of pydantic, which asks Python for the value of every enum.
    return Response(
        json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
        status_code=status,
        media_type="application/json",
        headers=retry_after(status),
    )


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a JSON body that a route reads by itself.

    FastAPI would read a declared body before the token is checked.
    """
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def problem_responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of statuses that come with a problem document."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {one.value: {"description": one.phrase, "content": content} for one in statuses}


def error_responses(*more: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the errors of every route with a token, and of `more`."""
    return problem_responses(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        *more,
    )


def status_of_reason(reason: Reason) -> HTTPStatus:
    """Return the status: 4xx for the content or the load, 503 where the service is the cause."""
    match reason:
        case Reason.TOO_LARGE | Reason.TOO_MANY_PIXELS:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        case Reason.UNSUPPORTED:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        case (
            Reason.UNDECODABLE
            | Reason.TRUNCATED
            | Reason.TOO_COMPLEX
            | Reason.TIMED_OUT
            | Reason.DECODER_CRASHED
            | Reason.OUT_OF_MEMORY
            | Reason.EMPTY
            | Reason.UNREADABLE
            | Reason.LOW_QUALITY
            | Reason.LOOKUP_LIMIT
        ):
            return _UNPROCESSABLE
        case Reason.OVERLOADED:
            return HTTPStatus.TOO_MANY_REQUESTS
        case (
            Reason.NO_ACTIVE_LIST
            | Reason.INDEX_STALE
            | Reason.LICENCE_EXPIRED
            | Reason.STORE_UNAVAILABLE
            | Reason.STARTING
            | Reason.INTERNAL_ERROR
        ):
            return HTTPStatus.SERVICE_UNAVAILABLE
        case _:
            assert_never(reason)
