"""What goes wrong, as problem documents (RFC 9457), and the status of every error."""

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

# The first that fits counts; what is not among them cannot be done now, and may be later.
_STATUSES: tuple[tuple[type[HashmatchError], HTTPStatus], ...] = (
    (InputError, HTTPStatus.BAD_REQUEST),
    (UnknownListError, HTTPStatus.NOT_FOUND),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (SyncLeaseError, HTTPStatus.CONFLICT),
    (CaseStateError, HTTPStatus.CONFLICT),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (OverloadedError, HTTPStatus.TOO_MANY_REQUESTS),
    (SourceError, HTTPStatus.BAD_GATEWAY),
    (ListFileError, HTTPStatus.BAD_GATEWAY),
)
_RETRY_AFTER_S = {
    HTTPStatus.TOO_MANY_REQUESTS: "1",
    HTTPStatus.SERVICE_UNAVAILABLE: "5",
}


def status_of(error: HashmatchError) -> HTTPStatus:
    """Return the status that an error is answered with."""
    found = (status for kind, status in _STATUSES if isinstance(error, kind))
    return next(found, HTTPStatus.SERVICE_UNAVAILABLE)


def retry_after(status: HTTPStatus) -> dict[str, str]:
    """Return the header that says when to try again, where that makes sense."""
    return {"Retry-After": _RETRY_AFTER_S[status]} if status in _RETRY_AFTER_S else {}


def problem(
    status: HTTPStatus, detail: str, *, hint: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer that says what is wrong, and what to do next."""
    document = {
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
    """Answer one of our own errors."""
    error = cast("HashmatchError", error)
    return problem(status_of(error), error.message, hint=error.hint)


async def answer_invalid(_: Request, error: Exception) -> Response:
    """Answer a request that is not of the agreed shape, without quoting it."""
    error = cast("RequestValidationError", error)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem(HTTPStatus.BAD_REQUEST, f"{place}: {first['msg']}", hint="See /docs.")


async def answer_http(_: Request, error: Exception) -> Response:
    """Answer what the framework refuses by itself: no such path, no such method."""
    error = cast("HTTPException", error)
    status = HTTPStatus(error.status_code)
    return problem(status, str(error.detail), headers=error.headers)
