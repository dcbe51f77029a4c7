"""Routes of screening: images, and hashes that were computed elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import HashmatchError, InputError, OverloadedError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Hash, Level
from hashmatch.outcome import Failure, Outcome, Reason
from hashmatch.screening import Query as HashQuery
from hashmatch.screening import Scanner
from hashmatch.store.tokens import Scope, Token
from hashmatch.wire import WireOutcome

from ..http.authentication import RequireScope, may_see_distances, near_limit, require_export
from ..http.bodies import Upload, receive, receive_json
from ..http.problems import answer_error, status_of
from ..runtime.state import state_of
from .answers import answer_outcome, answer_outcomes, error_responses, json_body
from .models import LookupAnswer, LookupItem, LookupRequest, LookupValue, Name, Reference

router = APIRouter(tags=["screening"])
ScanToken = Annotated[Token, Depends(RequireScope(Scope.SCAN))]
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
# Where the service is the cause, and not the request.
_SERVICE_FAILURES = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_NO_VERDICT = {"model": WireOutcome, "description": "Unscreened because of the content"}
_NOT_NOW = {"model": WireOutcome, "description": "Unscreened because of the service: try again"}


@router.post(
    "/v1/scan",
    response_model=WireOutcome,
    openapi_extra=_IMAGE_BODY,
    responses={
        **error_responses(),
        413: _NO_VERDICT,
        415: _NO_VERDICT,
        422: _NO_VERDICT,
        429: _NOT_NOW,
        503: _NOT_NOW,
    },
)
async def scan(
    request: Request,
    token: ScanToken,
    content_id: Annotated[Name, Query(description="The platform's own name for the image.")],
    reference: Annotated[Reference, Query(description="Where the platform stores it.")] = "",
    level: Annotated[Level | None, Query(description="By default intake.level.")] = None,
    show_hashes: Annotated[bool, Query(description="Needs the scope export.")] = False,  # noqa: FBT002
) -> Response:
    """Screen the image in the body, which is the file itself or one multipart field `file`.

    The same bytes under the same content id are recorded as one match, however often they are sent.
    """
    if show_hashes:
        require_export(token)
    service = state_of(request)
    try:
        outcome = await screen_upload(
            request, content_id, reference, fields=(_FILE_FIELD, ""), level=level
        )
    except OverloadedError as error:
        outcome = service.shed(content_id, error.message)
    service.metrics.count_outcomes(outcome)
    return answer_outcome(outcome, show_hashes=show_hashes, show_distances=may_see_distances(token))


async def answer_failure(request: Request, error: Exception) -> Response:
    """Answer an error of hashmatch; where the service is the cause, a scan gets an outcome."""
    given = request.query_params.get("content_id")
    status = status_of(error) if isinstance(error, HashmatchError) else None
    if (
        request.url.path != router.url_path_for("scan")
        or not given
        or status not in _SERVICE_FAILURES
    ):
        return await answer_error(request, error)
    reason = Reason.OVERLOADED if isinstance(error, OverloadedError) else Reason.STORE_UNAVAILABLE
    outcome = state_of(request).shed(given[:1000], str(error), reason)
    state_of(request).metrics.count_outcomes(outcome)
    return answer_outcome(outcome)


async def screen_upload(
    request: Request,
    content_id: str,
    reference: str,
    *,
    fields: tuple[str, ...],
    level: Level | None = None,
) -> Outcome:
    """Receive and screen one image. Raises `InputError` and `OverloadedError`."""
    service = state_of(request)
    scanner = service.scanner
    # The memory stays reserved until the image is screened.
    with service.buffers.reserve() as take:
        upload = await receive_upload(request, take)
        # A file that did not arrive gets an outcome, too, which is counted.
        if isinstance(upload, Failure):
            job = partial(scanner.refuse, upload, content_id=content_id, reference=reference)
        else:
            require_field(upload, fields)
            job = partial(
                scanner.scan,
                upload.data,
                content_id=content_id,
                reference=reference,
                level=level,
            )
        with service.scans.admitted():
            return await service.work(service.scans, job)


async def receive_upload(
    request: Request, take: Callable[[int], None], *, accepts_texts: bool = False
) -> Upload | Failure:
    """Receive one image while there is room for it, and observe the time that it took."""
    service = state_of(request)
    started_at_s = time.perf_counter()
    with service.scans.receiving() as note_piece:

        def take_piece(more_bytes: int) -> None:
            note_piece()
            take(more_bytes)

        upload = await receive(
            request,
            max_bytes=service.settings.intake.max_bytes,
            timeout_s=service.settings.service.body_timeout_s,
            take=take_piece,
            accepts_texts=accepts_texts,
        )
    service.metrics.observe_stage("receive", time.perf_counter() - started_at_s)
    return upload


def require_field(upload: Upload, fields: tuple[str, ...]) -> None:
    """Raise `InputError` unless the file came in one of these fields; "" is the body itself."""
    if upload.field not in fields:
        places = " or ".join(f"the field {one}" if one else "the body itself" for one in fields)
        raise InputError(f"the file has to come in {places}")


@router.post(
    "/v1/lookup",
    response_model=LookupAnswer,
    openapi_extra=json_body(LookupRequest),
    responses={**error_responses(), 429: {"model": LookupAnswer}, 503: {"model": LookupAnswer}},
)
async def lookup(
    request: Request,
    token: ScanToken,
    show_hashes: Annotated[bool, Query(description="Needs the scope export.")] = False,  # noqa: FBT002
) -> Response:
    """Screen images by hashes that were computed elsewhere, one or several of each.

    Clear then means: clear by these hashes alone.
    """
    if show_hashes:
        require_export(token)
    service = state_of(request)
    timeout_s = service.settings.service.body_timeout_s
    with service.buffers.reserve() as take:
        wanted = await receive_json(request, LookupRequest, timeout_s=timeout_s, take=take)
    limit = near_limit(service.settings.service, token)
    show_distances = may_see_distances(token)

    def answer(outcomes: list[Outcome]) -> Response:
        service.metrics.count_outcomes(*outcomes)
        return answer_outcomes(outcomes, show_hashes=show_hashes, show_distances=show_distances)

    try:
        with service.lookups.admitted():
            # The answer too is written in the thread: a thousand would hold up all other requests.
            return await service.work(
                service.lookups, lambda: answer(_look_up(service.scanner, wanted.hashes, limit))
            )
    except OverloadedError as error:
        return answer([service.shed(one.content_id, error.message) for one in wanted.hashes])


def _look_up(scanner: Scanner, items: list[LookupItem], limit: int | None) -> list[Outcome]:
    """Return an outcome for each image: of one lookup for valid ones, of a refusal for others.

    An image with an invalid hash is refused: it is not clear by the others alone.
    """
    outcomes: dict[int, Outcome] = {}
    queries: dict[int, HashQuery] = {}
    for place, one in enumerate(items):
        try:
            hashes = tuple(_hash(value) for value in one.values())
        except InputError as error:
            failure = Failure(Reason.UNDECODABLE, error.message)
            outcomes[place] = scanner.refuse(failure, content_id=one.content_id)
        else:
            queries[place] = HashQuery(hashes, one.content_id)
    answers = scanner.lookup_many(list(queries.values()), near_limit=limit)
    outcomes |= zip(queries, answers, strict=True)
    return [outcomes[place] for place in range(len(items))]


def _hash(one: LookupValue) -> Hash:
    algorithm = find_algorithm(one.algorithm)
    return Hash(algorithm, algorithm.parse(one.value), one.quality)
