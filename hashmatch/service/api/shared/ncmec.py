"""Routes in the shape of NCMEC's Hash Sharing, version 2: each list is a base of its own."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.outcome import Failure
from hashmatch.sharing import ncmec, parse_moment
from hashmatch.store.schema import utc_now

from ...http.bodies import receive
from ...runtime.state import state_of
from ..answers import error_responses
from .access import ConsumerToken, SharedName, sharing_of

router = APIRouter(prefix="/sharing/ncmec/{name}/v2", tags=["sharing"])
_XML = {
    200: {"content": {ncmec.MEDIA_TYPE: {}}, "description": "A document."},
    **error_responses(HTTPStatus.NOT_FOUND),
}


@router.get("/status", response_class=Response, responses=_XML)
def status(request: Request, token: ConsumerToken, name: SharedName) -> Response:
    """Return the name of the consumer, and the member whose base this is."""
    sharing, settings = sharing_of(request), state_of(request).settings.sharing
    sharing.find(token.token_id, name)
    consumer = sharing.consumer(token.token_id)
    address = "" if request.client is None else request.client.host
    return _answer(ncmec.status_document(settings, consumer.name, address))


@router.get("/members", response_class=Response, responses=_XML)
def members(request: Request, token: ConsumerToken, name: SharedName) -> Response:
    """Return the members whose entries the consumer may see."""
    sharing, settings = sharing_of(request), state_of(request).settings.sharing
    sharing.find(token.token_id, name)
    found = sharing.consumer(token.token_id).members
    return _answer(ncmec.members_document(settings, found or ("",)))


@router.get("/entries", response_class=Response, responses=_XML)
def entries(
    request: Request,
    token: ConsumerToken,
    name: SharedName,
    begin: Annotated[str, Query(alias="from", max_length=40)] = "2000-01-01T00:00:00Z",
    end: Annotated[str, Query(alias="to", max_length=40)] = "",
    start: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=5_000)] = 1_000,
    last: Annotated[int | None, Query(alias="max", ge=0)] = None,
) -> Response:
    """Return a page of the entries of a window of time, tombstones included."""
    sharing, settings = sharing_of(request), state_of(request).settings.sharing
    until = parse_moment(end, "to") if end else utc_now()
    window = ncmec.Window(parse_moment(begin, "from"), until, start, size, last)
    whole = sharing.window(token.token_id, name, window.begin, window.end)
    pulled = sharing.pull(
        token.token_id,
        name,
        window.resume(whole),
        protocol="ncmec",
        limit=size,
        with_feedback=True,
    )
    return _answer(ncmec.entries_document(pulled, settings, window, whole))


@router.get("/feedback/{kind}/reasons", response_class=Response, responses=_XML)
def feedback_reasons(
    request: Request, token: ConsumerToken, name: SharedName, kind: str
) -> Response:
    """Return the reasons for which a consumer may disagree with a fingerprint."""
    sharing_of(request).find(token.token_id, name)
    return _answer(ncmec.reasons_document(kind))


@router.put(
    "/entries/{member}/{entry_id}/{kind}/feedback",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=error_responses(HTTPStatus.NOT_FOUND),
)
async def give_feedback(
    request: Request,
    token: ConsumerToken,
    name: SharedName,
    member: Annotated[str, Path(max_length=64)],
    entry_id: Annotated[str, Path(max_length=1_000)],
    kind: str,
) -> Response:
    """Record feedback on a fingerprint of an entry; the publisher decides about it."""
    service = state_of(request)
    algorithm = ncmec.require_kind(kind)
    timeout_s = service.settings.service.body_timeout_s
    with service.buffers.reserve() as take:
        body = await receive(
            request, max_bytes=ncmec.MAX_FEEDBACK_BYTES, timeout_s=timeout_s, take=take
        )
    if isinstance(body, Failure):
        raise InputError("the feedback is too long, or did not arrive completely")
    is_affirmative, reason = ncmec.parse_feedback(body.data)
    give = partial(
        sharing_of(request).give_feedback,
        token.token_id,
        name,
        ncmec.full_id(member, entry_id, service.settings.sharing),
        algorithm,
        is_affirmative=is_affirmative,
        reason=reason,
    )
    await run_in_threadpool(give)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _answer(document: bytes) -> Response:
    return Response(document, media_type=ncmec.MEDIA_TYPE, headers={"Cache-Control": "no-store"})
