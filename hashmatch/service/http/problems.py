"""Answers to requests that failed, and the HTTP status of every error.

They are problem documents (RFC 9457), and for HMA's calls what its clients read.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qs

from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from hashmatch.errors import (
    AddressError,
    CaseStateError,
    FetchError,
    FileTooLargeError,
    ForbiddenError,
    HashmatchError,
    InputError,
    ListFileError,
    NotFoundError,
    NoticeStateError,
    OverloadedError,
    PullExpiredError,
    SourceError,
    SyncLeaseError,
    UnknownListError,
)

from .paths import is_of_hma

# The first that fits counts. Any other error is a 503: the service cannot do it now, and may later.
_STATUSES: tuple[tuple[type[HashmatchError], HTTPStatus], ...] = (
    (InputError, HTTPStatus.BAD_REQUEST),
    (UnknownListError, HTTPStatus.NOT_FOUND),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (SyncLeaseError, HTTPStatus.CONFLICT),
    (CaseStateError, HTTPStatus.CONFLICT),
    (NoticeStateError, HTTPStatus.CONFLICT),
    (PullExpiredError, HTTPStatus.GONE),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    # A URL that a caller names.
    (AddressError, HTTPStatus.FORBIDDEN),
    (FileTooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (FetchError, HTTPStatus.BAD_REQUEST),
    (OverloadedError, HTTPStatus.TOO_MANY_REQUESTS),
    # The source of a list failed, or sent a file that cannot be used.
    (SourceError, HTTPStatus.BAD_GATEWAY),
    (ListFileError, HTTPStatus.BAD_GATEWAY),
)
# Overload passes sooner than an unreachable database or a stale index.
_RETRY_AFTER_S = {
    HTTPStatus.TOO_MANY_REQUESTS: "1",
    HTTPStatus.SERVICE_UNAVAILABLE: "5",
}


def status_of(error: HashmatchError) -> HTTPStatus:
    """Return the HTTP status of an error."""
    found = (status for kind, status in _STATUSES if isinstance(error, kind))
    return next(found, HTTPStatus.SERVICE_UNAVAILABLE)


def retry_after(status: HTTPStatus) -> dict[str, str]:
    """Return the `Retry-After` header of a status, or none where a retry cannot help."""
    return {"Retry-After": _RETRY_AFTER_S[status]} if status in _RETRY_AFTER_S else {}


def error_answer(
    scope: Scope,
    status: HTTPStatus,
    detail: str,
    *,
    hint: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer to a request that failed, in the shape that its caller reads."""
    headers = {**retry_after(status), **(headers or {})}
    if is_of_hma(scope["path"]):
        return _answer_hma(scope, status, f"{detail}. {hint}" if hint else detail, headers)
    document = {
        # With this type the title is the phrase of the status (RFC 9457, section 4.2.1).
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **({"hint": hint} if hint else {}),
    }
    return Response(to_json(document), status, headers, "application/problem+json")


def _answer_hma(
    scope: Scope, status: HTTPStatus, message: str, headers: Mapping[str, str]
) -> Response:
    content: object = {"message": message}
    if _is_lookup_by_signal(scope):
        # Policyserv does not read the status of this call: it takes the keys of any JSON object for
        # the banks that matched, and an object without one of its banks for "no match". An array
        # it cannot read, so that it fails. HMA itself answers 422 with an array here; with a 400
        # the Ruby client would look for a message in it, and fail with an error of Ruby's own.
        content = [content]
        status = HTTPStatus.UNPROCESSABLE_ENTITY if status == HTTPStatus.BAD_REQUEST else status
    return Response(to_json(content), status, headers, "application/json")


def _is_lookup_by_signal(scope: Scope) -> bool:
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return (scope["method"], scope["path"]) == ("GET", "/m/lookup") and "url" not in query


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer an error of hashmatch."""
    error = cast("HashmatchError", error)
    return error_answer(request.scope, status_of(error), error.message, hint=error.hint)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer a request with invalid parameters, without quoting them."""
    error = cast("RequestValidationError", error)
    # Place and message only: the error also holds the input.
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    detail = f"{place}: {first['msg']}"
    return error_answer(request.scope, HTTPStatus.BAD_REQUEST, detail, hint="See /docs.")


async def answer_http(request: Request, error: Exception) -> Response:
    """Answer a refusal of the framework, such as an unknown path or method."""
    error = cast("HTTPException", error)
    status, detail = HTTPStatus(error.status_code), str(error.detail)
    if is_of_hma(request.scope["path"]) and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = "hashmatch does not have this call of HMA"
    return error_answer(request.scope, status, detail, headers=error.headers)
