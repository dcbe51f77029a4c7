"""Routes of the feed: which lists a consumer may see, and their changes as signed JSON Lines."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.audit import Signer, open_signer
from hashmatch.config import SharingSettings
from hashmatch.sharing import (
    FEED_MEDIA_TYPE,
    Evaluator,
    feed_body,
    feed_digest,
    parse_cursor,
    write_feed,
)
from hashmatch.store.tokens import Token

from ...http.bodies import receive_json
from ...runtime.state import state_of
from ..answers import error_responses, json_answer, json_body
from ..models import BlindedQuestion, EvaluatedAnswer, SharedListsAnswer
from .access import ConsumerToken, SharedName, sharing_of

router = APIRouter(tags=["sharing"])
Cursor = Annotated[str, Query(max_length=80)]
Limit = Annotated[int, Query(ge=1, le=5_000)]
_LINES = {"content": {FEED_MEDIA_TYPE: {}}, "description": "The feed."}


@router.get("/v1/shared", response_model=SharedListsAnswer, responses=error_responses())
def shared_lists(request: Request, token: ConsumerToken) -> Response:
    """Return the lists that the token's consumer may pull, and the key that signs their feeds."""
    settings = state_of(request).settings.sharing
    signer = _signer(settings)
    found = sharing_of(request).lists(token.token_id)
    return json_answer(
        {
            "publisher": settings.publisher,
            "public_key": None if signer is None else signer.public_key,
            "lists": [
                {
                    "list": one.name,
                    "tlp": one.tlp,
                    "generation": one.standing.generation,
                    "published_at": one.standing.published_at
                    and one.standing.published_at.isoformat(),
                }
                for one in found
            ],
        }
    )


@router.get(
    "/v1/shared/{name}/changes",
    response_class=Response,
    responses={200: _LINES, **error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.GONE)},
)
def changes(
    request: Request,
    token: ConsumerToken,
    name: SharedName,
    cursor: Cursor = "",
    limit: Limit = 1_000,
) -> Response:
    """Return what was changed since a cursor, or all of the list without one, page by page.

    The manifest in the last line has the next cursor. 410 says to pull from the beginning.
    """
    return _answer(request, token, name, cursor, limit, None)


@router.get(
    "/v1/shared/{name}/tags",
    response_class=Response,
    responses={200: _LINES, **error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.GONE)},
)
def tags(
    request: Request,
    token: ConsumerToken,
    name: SharedName,
    cursor: Cursor = "",
    limit: Limit = 1_000,
) -> Response:
    """Return the same with tags for hashes, among which a partner looks for answers."""
    evaluator = Evaluator(state_of(request).settings.sharing, name)
    return _answer(request, token, name, cursor, limit, evaluator)


def _answer(
    request: Request,
    token: Token,
    name: str,
    cursor: str,
    limit: int,
    evaluator: Evaluator | None,
) -> Response:
    settings = state_of(request).settings.sharing
    wanted, resumed = parse_cursor(cursor) if cursor else (None, None)
    pulled = sharing_of(request).pull(
        token.token_id,
        name,
        wanted,
        protocol="feed" if evaluator is None else "tags",
        limit=limit,
        resumed=resumed,
        gives_hashes=evaluator is None,
    )
    body = feed_body(pulled, evaluator)
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
    # A digest of hashes goes to nobody who is given none: few of them could be guessed by it.
    if evaluator is None:
        headers["ETag"] = f'W/"{feed_digest(pulled, body)}"'
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    feed = write_feed(pulled, body, _signer(settings), settings.publisher, evaluator)
    return Response(feed, media_type=FEED_MEDIA_TYPE, headers=headers)


@router.post(
    "/v1/shared/{name}/evaluate",
    response_model=EvaluatedAnswer,
    openapi_extra=json_body(BlindedQuestion),
    responses=error_responses(HTTPStatus.NOT_FOUND),
)
async def evaluate(request: Request, token: ConsumerToken, name: SharedName) -> Response:
    """Evaluate blinded hashes, of which nothing is learned, each with a proof."""
    service = state_of(request)
    timeout_s = service.settings.service.body_timeout_s
    with service.buffers.reserve() as take:
        asked = await receive_json(request, BlindedQuestion, timeout_s=timeout_s, take=take)

    def answer() -> list[str]:
        sharing_of(request).note_question(token.token_id, name, len(asked.blinded))
        return Evaluator(service.settings.sharing, name).evaluate(asked.blinded)

    return json_answer({"evaluated": await run_in_threadpool(answer)})


def _signer(settings: SharingSettings) -> Signer | None:
    secret = settings.signing_key
    return None if secret is None else open_signer(secret, "sharing.signing_key")
