"""Routes of TAXII 2.1 (OASIS): shared lists as collections of STIX objects, to read only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import NotFoundError
from hashmatch.sharing import taxii
from hashmatch.sharing.taxii import Collections, Document, Envelope, Selection

from ...runtime.state import state_of
from ..answers import error_responses
from .access import ConsumerToken, sharing_of

_ROOT = "/taxii2/shared/"
_ACCEPTED = frozenset({"*/*", "application/*", "application/taxii+json"})
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {taxii.MEDIA_TYPE: {}}, "description": "A TAXII resource."},
    **error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_ACCEPTABLE),
}


def _require_accepted(request: Request) -> None:
    """Raise `HTTPException` unless the client takes what TAXII 2.1 is sent as."""
    for one in request.headers.get("accept", "*/*").split(","):
        kind, *parameters = (part.strip().lower() for part in one.split(";"))
        versions = [part for part in parameters if part.startswith("version=")]
        if kind in _ACCEPTED and versions in ([], ["version=2.1"]):
            return
    raise HTTPException(HTTPStatus.NOT_ACCEPTABLE, f"the answer is {taxii.MEDIA_TYPE}; accept that")


router = APIRouter(prefix="/taxii2", tags=["sharing"], dependencies=[Depends(_require_accepted)])
CollectionId = Annotated[str, Path(max_length=64)]


@router.get("/", response_class=Response, responses=_DOCUMENT)
def discovery(request: Request, _: ConsumerToken) -> Response:
    """Return the server's title and its API root."""
    settings = state_of(request).settings.sharing
    return _answer(
        {
            "title": settings.publisher or "hashmatch",
            "default": f"{request.url.scheme}://{request.url.netloc}{_ROOT}",
            "api_roots": [f"{request.url.scheme}://{request.url.netloc}{_ROOT}"],
        }
    )


@router.get("/shared/", response_class=Response, responses=_DOCUMENT)
def api_root(request: Request, _: ConsumerToken) -> Response:
    """Return the API root that all shared lists are in."""
    return _answer(
        {
            "title": state_of(request).settings.sharing.publisher or "hashmatch",
            "versions": [taxii.MEDIA_TYPE],
            # Nothing is taken; the least that the specification permits.
            "max_content_length": 1,
        }
    )


@router.get("/shared/collections/", response_class=Response, responses=_DOCUMENT)
def collections(request: Request, token: ConsumerToken) -> Response:
    """Return the collections that the consumer may see, each a list."""
    found = _collections(request).all(token.token_id)
    return _answer({"collections": found} if found else {})


@router.get("/shared/collections/{collection}/", response_class=Response, responses=_DOCUMENT)
def collection(request: Request, token: ConsumerToken, collection: CollectionId) -> Response:
    """Return one collection."""
    return _answer(_collections(request).one(token.token_id, collection))


@router.get(
    "/shared/collections/{collection}/objects/", response_class=Response, responses=_DOCUMENT
)
def objects(request: Request, token: ConsumerToken, collection: CollectionId) -> Response:
    """Return objects: the query may say added_after, limit, next, and match[FIELD]."""
    found = _selected(request, token.token_id, collection)
    return _answer(found.as_document(), found.headers())


@router.get(
    "/shared/collections/{collection}/manifest/", response_class=Response, responses=_DOCUMENT
)
def manifest(request: Request, token: ConsumerToken, collection: CollectionId) -> Response:
    """Return the ids and versions of objects, selected like these."""
    found = _selected(request, token.token_id, collection)
    return _answer(found.as_manifest(), found.headers())


@router.get(
    "/shared/collections/{collection}/objects/{object_id}/",
    response_class=Response,
    responses=_DOCUMENT,
)
def object_(
    request: Request, token: ConsumerToken, collection: CollectionId, object_id: CollectionId
) -> Response:
    """Return one object."""
    found = _collections(request).object(token.token_id, collection, object_id)
    return _answer(found.as_document(), found.headers())


@router.get(
    "/shared/collections/{collection}/objects/{object_id}/versions/",
    response_class=Response,
    responses=_DOCUMENT,
)
def versions(
    request: Request, token: ConsumerToken, collection: CollectionId, object_id: CollectionId
) -> Response:
    """Return the versions of an object, of which only the newest is there."""
    found = _collections(request).object(token.token_id, collection, object_id)
    return _answer(
        {"versions": [taxii.version_of(one) for one, _ in found.objects]}, found.headers()
    )


@router.get("/shared/status/{status_id}/", response_class=Response, responses=_DOCUMENT)
def status(_: ConsumerToken, status_id: CollectionId) -> Response:
    """Refuse: nothing is taken here, so that nothing has a status."""
    raise NotFoundError(f"there is no status {status_id!r}")


def _selected(request: Request, token_id: str, collection: str) -> Envelope:
    wanted = Selection.of(request.query_params)
    return _collections(request).objects(token_id, collection, wanted)


def _collections(request: Request) -> Collections:
    service = state_of(request)
    return Collections(service.database, service.settings, sharing_of(request))


def _answer(document: Document, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    more = {"Cache-Control": "no-store", **(headers or {})}
    return Response(body, media_type=taxii.MEDIA_TYPE, headers=more)
