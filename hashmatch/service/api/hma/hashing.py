"""Routes that hash a file, for clients that look its hashes up afterwards."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.outcome import Failure, Matched, Outcome, Unscreened

from ...runtime.state import state_of
from ..answers import json_answer
from .files import FILE_BODY, FileQuery, receive_file, screen_file
from .words import (
    ALGORITHM_OF,
    FILE_REFUSALS,
    VIDEO_MD5,
    ContentId,
    ScanToken,
    parse_types,
    refusal,
    refusals,
    signal_type_of,
    to_act_on,
)

router = APIRouter(tags=["HMA-compatible"])
_RESPONSES: dict[int | str, dict[str, Any]] = {
    **FILE_REFUSALS,
    **refusals(HTTPStatus.CONFLICT),
    200: {"model": dict[str, str], "description": "The hash of each signal type"},
}


@router.get("/h/hash", responses=_RESPONSES)
async def hash_url(
    request: Request,
    _: ScanToken,
    query: Annotated[FileQuery, Depends()],
    content_id: ContentId = None,
) -> Response:
    """Return the hashes of the file at a URL, as `POST /h/hash` does."""
    if query.url is None:
        raise InputError("url is required")
    return await _hash(request, query, content_id)


@router.post("/h/hash", responses=_RESPONSES, openapi_extra=FILE_BODY)
async def hash_file(
    request: Request,
    _: ScanToken,
    query: Annotated[FileQuery, Depends()],
    content_id: ContentId = None,
) -> Response:
    """Return the hashes of a file that can be looked up, by signal type.

    The file comes in the field `photo` or `video` of a multipart body, or from a URL. Where it
    matches a list that a look-up of these hashes would not match, that is recorded and the answer
    is 409.
    """
    return await _hash(request, query, content_id)


async def _hash(request: Request, query: FileQuery, content_id: str | None) -> Response:
    service = state_of(request)
    wanted = parse_types(query.types)
    async with receive_file(request, query) as file:
        if isinstance(file, Failure):
            raise refusal(file)
        if file.is_video:
            wanted = wanted & {ALGORITHM_OF[VIDEO_MD5]}
        if not wanted:
            raise InputError("this signal type is not one of videos")
        scanner = service.scanner
        job = partial(scanner.hash_for_lookup, file.data, wanted, is_video=file.is_video)
        with service.scans.admitted():
            found = await service.work(service.scans, job)
        if isinstance(found, Unscreened):
            # Some clients go on as after no match, so that it should at least show in the metrics.
            service.metrics.count_outcomes(found)
            raise refusal(found)
        if not found.suffice:
            _require_clear(await screen_file(request, file, content_id))
    return json_answer(
        {signal_type_of(one.algorithm.name): one.value.hex() for one in found.hashes}
    )


def _require_clear(outcome: Outcome) -> None:
    if isinstance(outcome, Unscreened):
        raise refusal(outcome)
    if isinstance(outcome, Matched) and (to_act_on(outcome) or outcome.reason is not None):
        detail = "the file matches a list that its hashes alone do not match"
        raise HTTPException(HTTPStatus.CONFLICT, f"{detail}; send it to POST /m/lookup")
