"""Routes that look up hashes and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Hash
from hashmatch.outcome import Clear, Match, Matched, Outcome
from hashmatch.screening import anonymous_content_id
from hashmatch.store.lists import OWN, read_lists
from hashmatch.store.tokens import Token

from ...http.authentication import near_limit
from ...runtime.state import ServiceState, state_of
from ..answers import json_answer, status_of_reason
from .files import FILE_BODY, FileQuery, ReceivedFile, receive_file, screen_file
from .words import (
    FILE_REFUSALS,
    PDQ,
    VIDEO_MD5,
    ContentId,
    Refusal,
    ScanToken,
    bank_name,
    by_bank,
    content_id_of,
    match_of,
    parse_types,
    refusal,
    refusals,
    signal_type_of,
    to_act_on,
)

router = APIRouter(tags=["HMA-compatible"])
SignalType = Annotated[str, Query(max_length=64, description="pdq, video_md5 or an algorithm.")]
Signal = Annotated[str, Query(max_length=10_000, description="The hash, in hexadecimal.")]
Banks = Annotated[
    str | None, Query(max_length=10_000, description="Only these banks, separated by commas.")
]
# Without a URL, errors are in an array: see `error_answer`.
_LOOKUP_REFUSALS = {
    status: {**one, "model": Refusal | list[Refusal]} for status, one in FILE_REFUSALS.items()
}


@router.get("/m/raw_lookup", responses=refusals())
async def raw_lookup(
    request: Request,
    token: ScanToken,
    signal_type: SignalType,
    signal: Signal,
    banks: Banks = None,
    include_distance: bool = False,  # noqa: FBT001, FBT002
    content_id: ContentId = None,
) -> Response:
    """Return the entries that a hash matches: `{"matches": [ID]}`, or with their distances."""
    found, own = await _look_up(request, token, signal_type, signal, banks, content_id)
    if include_distance:
        return json_answer({"matches": [match_of(one, own, token) for one in found]})
    return json_answer({"matches": [content_id_of(one, own) for one in found]})


@router.get("/m/lookup", responses=_LOOKUP_REFUSALS)
async def lookup(
    request: Request,
    token: ScanToken,
    query: Annotated[FileQuery, Depends()],
    signal_type: SignalType | None = None,
    signal: Signal | None = None,
    banks: Banks = None,
    content_id: ContentId = None,
) -> Response:
    """Return the entries that a hash matches, by bank; or those of the file at a URL.

    These are by signal type and bank, as for `POST /m/lookup`; where a signal type is given, too,
    by bank alone, whatever they were found by.
    """
    if query.url is not None:
        by_type = signal_type is None
        return await _look_up_file(request, token, query, banks, content_id, by_type=by_type)
    if not signal_type or not signal:
        raise InputError("Either url or both signal and signal_type are required")
    found, own = await _look_up(request, token, signal_type, signal, banks, content_id)
    return json_answer(by_bank(found, own, token))


@router.post("/m/lookup", responses=FILE_REFUSALS, openapi_extra=FILE_BODY)
async def lookup_file(
    request: Request,
    token: ScanToken,
    query: Annotated[FileQuery, Depends()],
    banks: Banks = None,
    content_id: ContentId = None,
) -> Response:
    """Return the entries that a file matches, by signal type and bank.

    It comes in the field `photo` or `video` of a multipart body, or from a URL. Exact matches are
    all given as `video_md5`, perceptual ones as `pdq`. Without a content id all files share the id
    "hma".
    """
    return await _look_up_file(request, token, query, banks, content_id)


async def _look_up_file(
    request: Request,
    token: Token,
    query: FileQuery,
    banks: str | None,
    content_id: str | None,
    *,
    by_type: bool = True,
) -> Response:
    service = state_of(request)
    # Any match is given, whatever types are asked for: to leave one out would look like none.
    parse_types(query.types)
    wanted = await _wanted_banks(service, banks)
    async with receive_file(request, query) as file:
        outcome = await screen_file(request, file, content_id)
        is_video = isinstance(file, ReceivedFile) and file.is_video
    matches, own = await _with_own(service, _matches(outcome, wanted))
    if not by_type:
        return json_answer(by_bank(matches, own, token))
    of_type: dict[str, list[Match]] = {}
    if isinstance(outcome, Clear) or (isinstance(outcome, Matched) and outcome.reason is None):
        # An empty object means "no match", so that there is one only where all was checked.
        of_type[VIDEO_MD5 if is_video else PDQ] = []
    for one in matches:
        of_type.setdefault(signal_type_of(one.algorithm), []).append(one)
    return json_answer({name: by_bank(some, own, token) for name, some in of_type.items()})


async def _look_up(
    request: Request,
    token: Token,
    signal_type: str,
    signal: str,
    banks: str | None,
    content_id: str | None,
) -> tuple[list[Match], frozenset[str]]:
    """Return the matches of a hash, and the own lists among their lists."""
    service = state_of(request)
    algorithm = find_algorithm(signal_type)
    one = Hash(algorithm, algorithm.parse(signal.strip()))
    wanted = await _wanted_banks(service, banks)
    with service.lookups.admitted():
        # Clients of HMA send no content id; matches are then recorded under one of the hash.
        job = partial(
            service.scanner.lookup,
            [one],
            content_id=content_id or anonymous_content_id(one),
            near_limit=near_limit(service.settings.service, token),
        )
        outcome = await service.work(service.lookups, job)
    service.metrics.count_outcomes(outcome)
    return await _with_own(service, _matches(outcome, wanted))


async def _with_own(
    service: ServiceState, matches: list[Match]
) -> tuple[list[Match], frozenset[str]]:
    """Return the matches, of own lists with all entries of their hashes, and these lists."""
    if not matches:
        return [], frozenset()
    return await service.work(service.lookups, partial(_read_own, service, matches))


def _read_own(
    service: ServiceState, matches: Sequence[Match]
) -> tuple[list[Match], frozenset[str]]:
    """Curators know each entry of a hash by its number, as in HMA; one match is of all of them."""
    with service.database.reading() as session:
        own = frozenset(one.name for one in read_lists(session) if one.kind == OWN)
    found = list[Match]()
    for one in matches:
        # Others may have come since the match was recorded.
        numbers = service.scanner.sharing_ids(one.entry_key) if one.list_name in own else []
        found += [replace(one, entry_id=number) for number in numbers or [one.entry_id]]
    return found, own


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
    """Return the matches in these banks. Raises `HTTPException` for an unscreened outcome.

    To clients of HMA every match is one to act on, and they know nothing of near ones.
    """
    if isinstance(outcome, Clear):
        return []
    if isinstance(outcome, Matched):
        every = to_act_on(outcome)
        found = [one for one in every if banks is None or bank_name(one.list_name) in banks]
        if not found and outcome.reason is not None:
            # It matched other banks or is only near, but these could not be checked completely.
            raise HTTPException(status_of_reason(outcome.reason), f"{outcome.reason}")
        return found
    raise refusal(outcome)
