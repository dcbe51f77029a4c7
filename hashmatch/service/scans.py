"""`POST /v1/scan` and `POST /v1/lookup`: images, and hashes of images, to verdicts."""

from __future__ import annotations

import time
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import HashmatchError, InputError, OverloadedError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Hash
from hashmatch.outcome import Failure, Outcome, Reason
from hashmatch.pipeline import Scanner
from hashmatch.store.tokens import Scope, Token
from hashmatch.subjects import Query as HashQuery

from .answers import answer_outcome, answer_outcomes, json_body, of_callers
from .authentication import RequireScope, require_export
from .bodies import Upload, receive, receive_json
from .models import LookupAnswer, LookupHash, LookupRequest, Name, OutcomeAnswer, Reference
from .problems import answer_error, status_of
from .running import running_of

router = APIRouter(tags=["screening"])

Scanning = Annotated[Token, Depends(RequireScope(Scope.SCAN))]
_FILE_FIELD = "file"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": _BINARY,
            "image/*": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {_FILE_FIELD: _BINARY["schema"]},
                    "required": [_FILE_FIELD],
                }
            },
        },
    }
}
_NOT_OURS = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_NO_VERDICT = {"model": OutcomeAnswer, "description": "Unscreened because of the content"}
_NOT_NOW = {"model": OutcomeAnswer, "description": "Unscreened because of us: try again"}


@router.post(
    "/v1/scan",
    response_model=OutcomeAnswer,
    openapi_extra=_IMAGE_BODY,
    responses={
        **of_callers(),
        413: _NO_VERDICT,
        415: _NO_VERDICT,
        422: _NO_VERDICT,
        429: _NOT_NOW,
        503: _NOT_NOW,
    },
)
async def scan(
    request: Request,
    token: Scanning,
    content_id: Annotated[Name, Query(description="The platform's own name for the image.")],
    reference: Annotated[Reference, Query(description="Where the platform keeps it.")] = "",
    show_hashes: Annotated[bool, Query(description="Needs the scope export.")] = False,  # noqa: FBT002
) -> Response:
    """Screen the image in the body, which is the file itself or one multipart field `file`.

    The same bytes under the same content id give the same match, once.
    """
    if show_hashes:
        require_export(token)
    running = running_of(request)
    try:
        outcome = await screen_upload(request, content_id, reference, fields=(_FILE_FIELD, ""))
    except OverloadedError as error:
        outcome = running.turn_away(content_id, error.message)
    running.metrics.count_outcomes(outcome)
    return answer_outcome(outcome, show_hashes=show_hashes)


async def answer_failure(request: Request, error: Exception) -> Response:
    """Answer one of our own errors; where that kept a scan from its verdict, as its outcome."""
    given = request.query_params.get("content_id")
    status = status_of(error) if isinstance(error, HashmatchError) else None
    if request.url.path != router.url_path_for("scan") or not given or status not in _NOT_OURS:
        return await answer_error(request, error)
    reason = Reason.OVERLOADED if isinstance(error, OverloadedError) else Reason.STORE_UNAVAILABLE
    words = str(error)
    outcome = running_of(request).turn_away(given[:1000], words, reason)
    running_of(request).metrics.count_outcomes(outcome)
    return answer_outcome(outcome, show_hashes=False)


async def screen_upload(
    request: Request, content_id: str, reference: str, *, fields: tuple[str, ...]
) -> Outcome:
    """Receive and screen one image. Raises `InputError` and `OverloadedError`."""
    running = running_of(request)
    scanner = running.scanner
    with running.buffers.holding() as take:
        upload = await receive_upload(request, take)
        if isinstance(upload, Failure):
            job = partial(scanner.refuse, upload, content_id=content_id, reference=reference)
        else:
            require_field(upload, fields)
            job = partial(scanner.scan, upload.data, content_id=content_id, reference=reference)
        with running.scans.admitted():
            return await running.work(running.scans, job)


async def receive_upload(request: Request, take: Any) -> Upload | Failure:
    """Receive one image while there is room for it, and note how long it took to arrive."""
    running = running_of(request)
    begun_s = time.perf_counter()
    with running.scans.arriving() as go_on:

        def take_on(more_bytes: int) -> None:
            go_on()
            take(more_bytes)

        upload = await receive(
            request,
            max_bytes=running.settings.intake.max_bytes,
            timeout_s=running.settings.service.body_timeout_s,
            take=take_on,
        )
    running.metrics.observe_stage("receive", time.perf_counter() - begun_s)
    return upload


def require_field(upload: Upload, fields: tuple[str, ...]) -> None:
    """Raise `InputError` unless the file came in one of these fields; "" is no field at all."""
    if upload.field not in fields:
        wanted = " or ".join(f"the field {one}" if one else "no field" for one in fields)
        raise InputError(f"the file has to come in {wanted}")


@router.post(
    "/v1/lookup",
    response_model=LookupAnswer,
    openapi_extra=json_body(LookupRequest),
    responses={**of_callers(), 429: {"model": LookupAnswer}, 503: {"model": LookupAnswer}},
)
async def lookup(
    request: Request,
    token: Scanning,
    show_hashes: Annotated[bool, Query(description="Needs the scope export.")] = False,  # noqa: FBT002
) -> Response:
    """Screen hashes that were computed elsewhere, each by itself.

    Clear then means: clear as far as this hash can tell.
    """
    if show_hashes:
        require_export(token)
    running = running_of(request)
    timeout_s = running.settings.service.body_timeout_s
    with running.buffers.holding() as take:
        wanted = await receive_json(request, LookupRequest, timeout_s=timeout_s, take=take)
    try:
        with running.lookups.admitted():
            job = partial(_look_up, running.scanner, wanted.hashes)
            outcomes = await running.work(running.lookups, job)
    except OverloadedError as error:
        outcomes = [running.turn_away(one.content_id, error.message) for one in wanted.hashes]
    running.metrics.count_outcomes(*outcomes)
    return answer_outcomes(outcomes, show_hashes=show_hashes)


def _look_up(scanner: Scanner, hashes: list[LookupHash]) -> list[Outcome]:
    """Look the good hashes up together, and refuse the others, in their places."""
    outcomes: dict[int, Outcome] = {}
    queries: dict[int, HashQuery] = {}
    for place, one in enumerate(hashes):
        try:
            algorithm = find_algorithm(one.algorithm)
            found = Hash(algorithm, algorithm.parse(one.value), one.quality)
        except InputError as error:
            failure = Failure(Reason.UNDECODABLE, error.message)
            outcomes[place] = scanner.refuse(failure, content_id=one.content_id)
        else:
            queries[place] = HashQuery((found,), one.content_id)
    answers = scanner.lookup_many(list(queries.values()))
    outcomes |= zip(queries, answers, strict=True)
    return [outcomes[place] for place in range(len(hashes))]
