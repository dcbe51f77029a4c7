"""The calls of Meta's hasher-matcher-actioner (HMA) that its clients make, answered as it does.

Lists are banks here, entries their content. Matches are recorded like any other, under a content
id that the caller may give. What HMA answers with nothing for want of a verdict is an error here.
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
from hashmatch.pipeline import Scanner
from hashmatch.store.lists import read_lists
from hashmatch.store.tokens import Scope, Token
from hashmatch.subjects import anonymous_content_id

from .answers import json_answer, of_callers, problems, status_of_outcome, status_of_reason
from .authentication import RequireScope
from .models import Name
from .running import Running, running_of
from .scans import receive_upload, require_field, screen_upload

router = APIRouter(tags=["as HMA has them"])

Scanning = Annotated[Token, Depends(RequireScope(Scope.SCAN))]
_PHOTO = "photo"
_NO_WORD = re.compile(r"[^A-Z0-9]+")
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
_REFUSALS = of_callers(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

SignalType = Annotated[str, Query(max_length=64, description="The algorithm, such as pdq.")]
Signal = Annotated[str, Query(max_length=10_000, description="The hash, in hexadecimal.")]
Banks = Annotated[str | None, Query(max_length=10_000, description="Only these, A,B,C.")]
ContentId = Annotated[Name | None, Query(description="The platform's own name for the image.")]
URL = Annotated[str | None, Query(description="Refused: nothing is fetched for callers.")]


def refuse_urls(url: URL = None) -> None:
    """Refuse to fetch anything: whoever may name an address could make us ask it."""
    if url is not None:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "no address is fetched for a caller; send the file in the body"
        )


def bank_name(list_name: str) -> str:
    """Return what HMA would call a list: in capitals, with underscores."""
    return _NO_WORD.sub("_", list_name.upper()).strip("_")


@router.get("/m/raw_lookup", responses=of_callers())
async def raw_lookup(
    request: Request,
    _: Scanning,
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


@router.get("/m/lookup", responses=of_callers(), dependencies=[Depends(refuse_urls)])
async def lookup(
    request: Request,
    _: Scanning,
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
    request: Request, _: Scanning, banks: Banks = None, content_id: ContentId = None
) -> Response:
    """Return the entries that a picture matches, by algorithm and bank.

    It comes in the field `photo` of a multipart body. Without a content id all pictures that are
    sent so go by one.
    """
    running = running_of(request)
    wanted = await _wanted_banks(running, banks)
    outcome = await screen_upload(request, content_id or "hma", "", fields=(_PHOTO,))
    running.metrics.count_outcomes(outcome)
    of_algorithm: defaultdict[str, list[Match]] = defaultdict(list)
    if isinstance(outcome, Clear) or (isinstance(outcome, Matched) and outcome.reason is None):
        of_algorithm["pdq"] = []  # It was looked up in full.
    for one in _matches(outcome, wanted):
        of_algorithm[one.algorithm].append(one)
    return json_answer({name: _by_bank(some) for name, some in of_algorithm.items()})


@router.post(
    "/h/hash",
    responses=_REFUSALS,
    openapi_extra=_PHOTO_BODY,
    dependencies=[Depends(refuse_urls)],
)
async def hash_file(request: Request, _: Scanning) -> Response:
    """Return the PDQ hash of a picture, which is looked up nowhere."""
    running = running_of(request)
    with running.buffers.holding() as take:
        upload = await receive_upload(request, take)
        if isinstance(upload, Failure):
            raise InputError(upload.detail)
        require_field(upload, (_PHOTO,))
        job = partial(_hash, running.scanner, upload.data)
        with running.scans.admitted():
            found = await running.work(running.scans, job)
    if isinstance(found, Unscreened):
        raise _refusal(found)
    if found is None:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "the file has several frames, which one hash cannot stand for; ask POST /m/lookup",
        )
    return json_answer({found.algorithm.name: found.value.hex()})


@router.get(
    "/status",
    response_class=PlainTextResponse,
    responses=problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
    | {503: {"description": "Nothing can be screened now", "content": {"text/plain": {}}}},
)
async def status(request: Request, _: Scanning) -> Response:
    """Say whether images can be screened."""
    if await running_of(request).find_hindrance() is None:
        return PlainTextResponse("I-AM-ALIVE")
    return PlainTextResponse("INDEX-STALE", HTTPStatus.SERVICE_UNAVAILABLE)


@router.get(
    "/status/live",
    response_class=PlainTextResponse,
    responses=problems(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def status_live(_: Scanning) -> Response:
    """Say that the service runs."""
    return PlainTextResponse("I-AM-ALIVE")


async def _look_up(
    request: Request, signal_type: str, signal: str, banks: str | None, content_id: str | None
) -> list[Match]:
    running = running_of(request)
    algorithm = find_algorithm(signal_type)
    one = Hash(algorithm, algorithm.parse(signal.strip()))
    wanted = await _wanted_banks(running, banks)
    with running.lookups.admitted():
        job = partial(
            running.scanner.lookup, [one], content_id=content_id or anonymous_content_id(one)
        )
        outcome = await running.work(running.lookups, job)
    running.metrics.count_outcomes(outcome)
    return _matches(outcome, wanted)


async def _wanted_banks(running: Running, banks: str | None) -> frozenset[str] | None:
    """Return the banks asked for, None for all. Raises `InputError` for one that there is not.

    To ask a bank that is misspelt would otherwise find nothing, for ever.
    """
    if banks is None:
        return None
    wanted = frozenset(one.strip() for one in banks.split(",") if one.strip())
    known = await running.work(running.lookups, partial(_known_banks, running))
    if not wanted or not wanted <= known:
        missing = ", ".join(sorted(wanted - known))[:200] or "none at all"
        raise InputError(f"there is no such bank: {missing}")
    return wanted


def _known_banks(running: Running) -> frozenset[str]:
    with running.database.reading() as session:
        return frozenset(bank_name(one.name) for one in read_lists(session))


def _matches(outcome: Outcome, banks: frozenset[str] | None) -> list[Match]:
    """Return the matches of an outcome, none where it is clear, and raise where it is neither."""
    if isinstance(outcome, Clear):
        return []
    if isinstance(outcome, Matched):
        every = outcome.matches
        found = [one for one in every if banks is None or bank_name(one.list_name) in banks]
        if not found and outcome.reason is not None:
            # Other banks have it; whether these do, nobody could check in full.
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
        if one.view is View.WHOLE and one.orientation is Orientation.ORIGINAL and one.frame == 0
    )


def _entry(match: Match) -> dict[str, Any]:
    # The distance is text there, since other algorithms have other distances.
    return {"bank_content_id": match.entry_key, "distance": str(match.distance_bits)}


def _by_bank(matches: Iterable[Match]) -> dict[str, list[dict[str, Any]]]:
    banks: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in matches:
        banks[bank_name(one.list_name)].append(_entry(one))
    return dict(banks)
