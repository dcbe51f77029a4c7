"""Routes compatible with Meta's hasher-matcher-actioner (HMA), for its existing clients.

Lists are banks here, and entries their content. Matches are recorded like any others, under a
content id that the caller may give. Where HMA answers with no matches although it could not check,
the answer here is an error.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hashmatch.errors import InputError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Hash, Orientation, View
from hashmatch.outcome import Clear, Failure, Match, Matched, Outcome, Unscreened
from hashmatch.screening import Scanner, anonymous_content_id
from hashmatch.store.lists import read_lists
from hashmatch.store.tokens import Scope, Token

from ..http.authentication import RequireScope
from ..runtime.state import ServiceState, state_of
from .answers import (
    error_responses,
    json_answer,
    problem_responses,
    status_of_outcome,
    status_of_reason,
)
from .models import Name
from .scans import receive_upload, require_field, screen_upload

router = APIRouter(tags=["HMA-compatible"])
ScanToken = Annotated[Token, Depends(RequireScope(Scope.SCAN))]
_PHOTO = "photo"
_SEPARATORS = re.compile(r"[^A-Z0-9]+")
_PHOTO_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {_PHOTO: {"type": "string", "format": "binary"}},
                    "required": [_PHOTO],
                }
            }
        },
    }
}
_REFUSALS = error_responses(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
SignalType = Annotated[str, Query(max_length=64, description="The algorithm, such as pdq.")]
Signal = Annotated[str, Query(max_length=10_000, description="The hash, in hexadecimal.")]
Banks = Annotated[
    str | None, Query(max_length=10_000, description="Only these banks, separated by commas.")
]
ContentId = Annotated[Name | None, Query(description="The platform's own name for the image.")]
URL = Annotated[str | None, Query(description="Refused: the service fetches no files.")]


def refuse_urls(url: URL = None) -> None:
    """Raise `HTTPException` with 403 for a URL.

    A service that fetches URLs for its callers can be used to reach internal hosts.
    """
    if url is not None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "URLs are not fetched; send the file in the body")


def bank_name(list_name: str) -> str:
    """Return the name of a list as a bank of HMA: in capitals, with underscores."""
    return _SEPARATORS.sub("_", list_name.upper()).strip("_")


@router.get("/m/raw_lookup", responses=error_responses())
async def raw_lookup(
    request: Request,
    _: ScanToken,
    signal_type: SignalType,
    signal: Signal,
    banks: Banks = None,
    include_distance: bool = False,  # noqa: FBT001, FBT002
    content_id: ContentId = None,
) -> Response:
    """Return the entries that a hash matches: `{"matches": [ID]}`, or with their distances."""
    found = await _look_up(request, signal_type, signal, banks, content_id)
    listed = [_entry(one) if include_distance else one.entry_key for one in found]
    return json_answer({"matches": listed})


@router.get("/m/lookup", responses=error_responses(), dependencies=[Depends(refuse_urls)])
async def lookup(
    request: Request,
    _: ScanToken,
    signal_type: SignalType,
    signal: Signal,
    banks: Banks = None,
    content_id: ContentId = None,
) -> Response:
    """Return the entries that a hash matches, by bank."""
    return json_answer(_by_bank(await _look_up(request, signal_type, signal, banks, content_id)))


@router.post(
    "/m/lookup",
    responses=_REFUSALS,
    openapi_extra=_PHOTO_BODY,
    dependencies=[Depends(refuse_urls)],
)
async def lookup_file(
    request: Request, _: ScanToken, banks: Banks = None, content_id: ContentId = None
) -> Response:
    """Return the entries that a picture matches, by algorithm and bank.

    It comes in the field `photo` of a multipart body. Without a content id all pictures share the
    id "hma".
    """
    service = state_of(request)
    wanted = await _wanted_banks(service, banks)
    outcome = await screen_upload(request, content_id or "hma", "", fields=(_PHOTO,))
    service.metrics.count_outcomes(outcome)
    of_algorithm: defaultdict[str, list[Match]] = defaultdict(list)
    if isinstance(outcome, Clear) or (isinstance(outcome, Matched) and outcome.reason is None):
        # An empty list means "no match", so that PDQ gets one only where the lookup was complete.
        of_algorithm["pdq"] = []
    for one in _matches(outcome, wanted):
        of_algorithm[one.algorithm].append(one)
    return json_answer({name: _by_bank(matches) for name, matches in of_algorithm.items()})


@router.post(
    "/h/hash",
    responses=_REFUSALS,
    openapi_extra=_PHOTO_BODY,
    dependencies=[Depends(refuse_urls)],
)
async def hash_file(request: Request, _: ScanToken) -> Response:
    """Return the PDQ hash of a picture, without a lookup."""
    service = state_of(request)
    with service.buffers.reserve() as take:
        upload = await receive_upload(request, take)
        if isinstance(upload, Failure):
            raise InputError(upload.detail)
        require_field(upload, (_PHOTO,))
        job = partial(_hash, service.scanner, upload.data)
        with service.scans.admitted():
            found = await service.work(service.scans, job)
    if isinstance(found, Unscreened):
        raise _refusal(found)
    if found is None:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "the file has several frames, and so no single hash; use POST /m/lookup",
        )
    return json_answer({found.algorithm.name: found.value.hex()})


@router.get(
    "/status",
    response_class=PlainTextResponse,
    responses=problem_responses(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS
    )
    | {503: {"description": "Images cannot be screened now", "content": {"text/plain": {}}}},
)
async def status(request: Request, _: ScanToken) -> Response:
    """Say whether images can be screened."""
    # These are the texts of HMA.
    if await state_of(request).readiness_failure() is None:
        return PlainTextResponse("I-AM-ALIVE")
    return PlainTextResponse("INDEX-STALE", HTTPStatus.SERVICE_UNAVAILABLE)


@router.get(
    "/status/live",
    response_class=PlainTextResponse,
    responses=problem_responses(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def status_live(_: ScanToken) -> Response:
    """Say that the service runs."""
    return PlainTextResponse("I-AM-ALIVE")


async def _look_up(
    request: Request, signal_type: str, signal: str, banks: str | None, content_id: str | None
) -> list[Match]:
    service = state_of(request)
    algorithm = find_algorithm(signal_type)
    one = Hash(algorithm, algorithm.parse(signal.strip()))
    wanted = await _wanted_banks(service, banks)
    with service.lookups.admitted():
        # Clients of HMA send no content id; matches are then recorded under one of the hash.
        job = partial(
            service.scanner.lookup, [one], content_id=content_id or anonymous_content_id(one)
        )
        outcome = await service.work(service.lookups, job)
    service.metrics.count_outcomes(outcome)
    return _matches(outcome, wanted)


async def _wanted_banks(service: ServiceState, banks: str | None) -> frozenset[str] | None:
    """Return the requested banks, None for all. Raises `InputError` for an unknown one.

    A misspelt bank would otherwise never match, and nobody would notice.
    """
    if banks is None:
        return None
    wanted = frozenset(one.strip() for one in banks.split(",") if one.strip())
    known = await service.work(service.lookups, partial(_known_banks, service))
    if not wanted or not wanted <= known:
        missing = ", ".join(sorted(wanted - known))[:200]
        raise InputError(f"there is no such bank: {missing}" if missing else "banks names no bank")
    return wanted


def _known_banks(service: ServiceState) -> frozenset[str]:
    with service.database.reading() as session:
        return frozenset(bank_name(one.name) for one in read_lists(session))


def _matches(outcome: Outcome, banks: frozenset[str] | None) -> list[Match]:
    """Return the matches in these banks. Raises `HTTPException` for an unscreened outcome."""
    if isinstance(outcome, Clear):
        return []
    if isinstance(outcome, Matched):
        every = outcome.matches
        found = [one for one in every if banks is None or bank_name(one.list_name) in banks]
        if not found and outcome.reason is not None:
            # It matched other banks, but these could not be checked completely.
            raise HTTPException(status_of_reason(outcome.reason), f"{outcome.reason}")
        return found
    raise _refusal(outcome)


def _refusal(outcome: Unscreened) -> HTTPException:
    return HTTPException(status_of_outcome(outcome), f"{outcome.reason}: {outcome.detail}")


def _hash(scanner: Scanner, data: bytes) -> Hash | Unscreened | None:
    """Return the one hash of a picture, None where there are several frames to hash."""
    found = scanner.hash_alone(data, "pdq")
    if isinstance(found, Unscreened):
        return found
    if any(one.frame for one in found):
        return None
    return next(
        one
        for one in found
        if one.view is View.FULL and one.orientation is Orientation.ORIGINAL and one.frame == 0
    )


def _entry(match: Match) -> dict[str, Any]:
    # HMA gives distances as text, since they are of another type for other algorithms.
    return {"bank_content_id": match.entry_key, "distance": str(match.distance_bits)}


def _by_bank(matches: Iterable[Match]) -> dict[str, list[dict[str, Any]]]:
    banks: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in matches:
        banks[bank_name(one.list_name)].append(_entry(one))
    return dict(banks)
