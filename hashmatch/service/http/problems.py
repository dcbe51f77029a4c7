"""Problem documents (RFC 9457), and the HTTP status of every error."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import (
    CaseStateError,
    ForbiddenError,
    HashmatchError,
    InputError,
    ListFileError,
    NotFoundError,
    OverloadedError,
    SourceError,
    SyncLeaseError,
    UnknownListError,
)

# The first that fits counts. Any other error is a 503: the service cannot do it now, and may later.
_STATUSES: tuple[tuple[type[HashmatchError], HTTPStatus], ...] = (
    (InputError, HTTPStatus.BAD_REQUEST),
    (UnknownListError, HTTPStatus.NOT_FOUND),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (SyncLeaseError, HTTPStatus.CONFLICT),
    (CaseStateError, HTTPStatus.CONFLICT),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
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


def problem(
    status: HTTPStatus, detail: str, *, hint: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with a problem document."""
    document = {
        # With this type the title is the phrase of the status (RFC 9457, section 4.2.1).
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **({"hint": hint} if hint else {}),
    }
    return Response(
        to_json(document),
        status_code=status,
        media_type="application/problem+json",
        headers={**retry_after(status), **(headers or {})},
    )


async def answer_error(_: Request, error: Exception) -> Response:
    """Answer an error of hashmatch."""
    error = cast("HashmatchError", error)
    return problem(status_of(error), error.message, hint=error.hint)


async def answer_invalid(_: Request, error: Exception) -> Response:
    """Answer a request with invalid parameters, without quoting them."""
    error = cast("RequestValidationError", error)
    # Place and message only: the error also holds the input.
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem(HTTPStatus.BAD_REQUEST, f"{place}: {first['msg']}", hint="See /docs.")


async def answer_http(_: Request, error: Exception) -> Response:
    """Answer a refusal of the framework, such as an unknown path or method."""
    error = cast("HTTPException", error)
    status = HTTPStatus(error.status_code)
    return problem(status, str(error.detail), headers=error.headers)
