"""Routes of the content of banks: entries, which callers change in own banks only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.errors import InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.lists import add_hashes
from hashmatch.outcome import Failure, Reason, Unscreened
from hashmatch.screening import Scanner, plain_hashes
from hashmatch.store.lists import (
    NumberedEntry,
    disable_entry_until,
    disable_numbered_entry,
    find_list,
    find_numbered_entry,
    withdraw_entry,
)
from hashmatch.store.schema import require_text, utc_now
from hashmatch.store.tokens import Token

from ...runtime.state import ServiceState, state_of
from ..actors import audit_name_of
from ..answers import json_answer, json_body
from .banks import (
    BANK_REFUSALS,
    CURATION_REFUSALS,
    BankPath,
    CurateToken,
    ReadToken,
    bank_facts,
    find_bank,
    read_body,
    require_own,
)
from .files import FILE_BODY, FileQuery, ReceivedFile, body_type, receive_file
from .words import (
    ALGORITHM_OF,
    FILE_REFUSALS,
    PDQ,
    VIDEO_MD5,
    parse_types,
    refusal,
    signal_type_of,
)

router = APIRouter(tags=["HMA-compatible"])
ContentPath = Annotated[int, Path(ge=0, le=2**63 - 1, description="The number of the entry.")]
# HMA's special times: disabled until it is enabled, and enabled.
_DISABLED_TS, _ENABLED_TS = 0, 1
_MAX_NOTE = 255
_MAX_DISABLED_S = 5 * 365 * 86_400
_ADDING_REFUSALS = {**FILE_REFUSALS, **CURATION_REFUSALS}


class ContentFacts(BaseModel):
    """Facts about content to add. Other keys, such as metadata, are ignored."""

    note: str | None = None


class Signals(ContentFacts):
    """Content to add: hashes by signal type, as further keys."""

    model_config = ConfigDict(extra="allow")


class ContentChange(BaseModel):
    """A change of content. Other keys are ignored."""

    disable_until_ts: Annotated[int, Field(ge=0)] | None = None


@router.post("/c/bank/{name}/content", responses=_ADDING_REFUSALS, openapi_extra=FILE_BODY)
async def add_content(
    request: Request,
    token: CurateToken,
    name: BankPath,
    query: Annotated[FileQuery, Depends()],
) -> Response:
    """Add a file to an own bank: by its PDQ hash, or a video by its MD5. The file is not kept.

    It comes in the field `photo` or `video` of a multipart body, or from a URL; in place of a file
    there may be signals, as for `POST /c/bank/{name}/signal`. The next look-up matches it.
    """
    service = state_of(request)
    await asyncio.to_thread(require_own, service, name)
    is_json = body_type(request) == b"application/json"
    if is_json and query.url is None:
        return await _add_signals(request, token, name)
    facts = await read_body(request, ContentFacts) if is_json else None
    algorithms = parse_types(query.types)
    async with receive_file(request, query) as file:
        if isinstance(file, Failure):
            raise refusal(file)
        if facts is None:
            facts = ContentFacts(note=file.texts.get("note"))
        job = partial(_hash, service.scanner, file)
        with service.scans.admitted():
            hashes = await service.work(service.scans, job)
    if not {one.algorithm.name for one in hashes} <= algorithms:
        raise InputError("the file has no hash of these signal types")
    return await _add(service, token, name, hashes, facts.note)


@router.post("/c/bank/{name}/signal", responses=_ADDING_REFUSALS, openapi_extra=json_body(Signals))
async def add_signals(request: Request, token: CurateToken, name: BankPath) -> Response:
    """Add hashes that were computed elsewhere to an own bank: `{"pdq": HEX, "video_md5": HEX}`."""
    await asyncio.to_thread(require_own, state_of(request), name)
    return await _add_signals(request, token, name)


@router.get("/c/bank/{name}/content/{number}", responses=BANK_REFUSALS)
def content(request: Request, _: ReadToken, name: BankPath, number: ContentPath) -> Response:
    """Return content of a bank, without its hashes."""
    return json_answer(_read(state_of(request), name, number))


@router.put(
    "/c/bank/{name}/content/{number}",
    responses=CURATION_REFUSALS,
    openapi_extra=json_body(ContentChange),
)
async def change_content(
    request: Request, token: CurateToken, name: BankPath, number: ContentPath
) -> Response:
    """Disable content of an own bank, or enable it.

    `disable_until_ts` is a time in seconds, after which it matches again by itself; 0 disables it
    until it is enabled, 1 enables it.
    """
    service = state_of(request)
    await asyncio.to_thread(require_own, service, name)
    wanted = await read_body(request, ContentChange)
    if wanted.disable_until_ts is not None:
        if wanted.disable_until_ts > time.time() + _MAX_DISABLED_S:
            raise InputError("disable_until_ts must be less than 5 years in the future")
        change = partial(_change, service, name, number, wanted.disable_until_ts, token)
        await asyncio.to_thread(change)
    shown = await asyncio.to_thread(_read, service, name, number)
    # This answer has more keys in HMA than that to GET.
    more: dict[str, Any] = {"note": None, "collab_metadata": {}, "user_metadata": None}
    return json_answer({**more, **shown})


@router.delete("/c/bank/{name}/content/{number}", responses=CURATION_REFUSALS)
def delete_content(
    request: Request, token: CurateToken, name: BankPath, number: ContentPath
) -> Response:
    """Withdraw content of an own bank: `{"deleted"}` is 1, or 0 where there was none."""
    service = state_of(request)
    found = require_own(service, name)
    with service.database.writing(audit_name_of(token)) as session:
        deleted = withdraw_entry(session, find_list(session, found.name), number)
    service.follow_lists()
    return json_answer({"deleted": int(deleted)})


async def _add_signals(request: Request, token: Token, name: str) -> Response:
    wanted = await read_body(request, Signals)
    hashes = [_parse_signal(*one) for one in (wanted.model_extra or {}).items()]
    if not hashes:
        raise InputError("No signals given")
    return await _add(state_of(request), token, name, hashes, wanted.note)


def _parse_signal(signal_type: str, value: object) -> Hash:
    if signal_type not in ALGORITHM_OF:
        raise InputError(
            "No such signal type", hint=f"Known signal types: {', '.join(ALGORITHM_OF)}."
        )
    algorithm = ALGORITHMS[ALGORITHM_OF[signal_type]]
    try:
        return Hash(algorithm, algorithm.parse(str(value).strip()))
    except InputError as error:
        raise InputError(f"Invalid {signal_type} signal: {error.message}") from error


def _hash(scanner: Scanner, file: ReceivedFile) -> Sequence[Hash]:
    """Return the hash by which a file is added. Raises `HTTPException` where it has none."""
    algorithm = ALGORITHM_OF[VIDEO_MD5 if file.is_video else PDQ]
    found = scanner.hash_alone(file.data, algorithm)
    if file.is_video:
        # The exact hash of a picture that shows nothing would match a file that everybody has.
        if not isinstance(found, Unscreened):
            raise InputError("the file is a picture", hint="Send it in the field photo.")
        if found.reason is not Reason.UNSUPPORTED:
            raise refusal(found)
        return plain_hashes(found.hashes, {algorithm})
    if isinstance(found, Unscreened):
        if found.reason is Reason.LOW_QUALITY:
            raise InputError(f"Invalid pdq signal: {found.detail}")
        raise refusal(found)
    if any(one.frame for one in found):
        detail = "the file has several frames, and so no single hash; add them one by one"
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return plain_hashes(found, {algorithm})


async def _add(
    service: ServiceState, token: Token, name: str, hashes: Sequence[Hash], note: str | None
) -> Response:
    actor = audit_name_of(token)
    require_text(note)
    if len(note or "") > _MAX_NOTE:
        raise InputError(f"note must be at most {_MAX_NOTE} characters")

    def add() -> int:
        # Found again: the bank may have been removed since.
        own = require_own(service, name)
        number = add_hashes(service.database, own.name, hashes, note=note or "", actor=actor)
        service.follow_lists()
        return number

    number = await asyncio.to_thread(add)
    # They are the caller's own.
    signals = {signal_type_of(one.algorithm.name): one.value.hex() for one in hashes}
    return json_answer({"id": number, "signals": signals})


def _change(service: ServiceState, name: str, number: int, until_ts: int, token: Token) -> None:
    own = require_own(service, name)
    with service.database.writing(audit_name_of(token)) as session:
        row = find_list(session, own.name)
        found = find_numbered_entry(session, row, number)
        if found is None:
            raise _not_found(number)
        if until_ts != _DISABLED_TS:
            is_over = until_ts <= time.time()
            until = None if is_over else datetime.fromtimestamp(until_ts, UTC)
            disable_entry_until(session, row, number, until)
        elif not found.is_disabled:
            disable_numbered_entry(session, row, number)
    service.follow_lists()


def _read(service: ServiceState, name: str, number: int) -> dict[str, Any]:
    with service.database.reading() as session:
        state = find_bank(session, name)
        found = find_numbered_entry(session, find_list(session, state.name), number)
    if found is None:
        raise _not_found(number)
    return {
        "bank": bank_facts(state),
        "disable_until_ts": _until_ts(found),
        "id": number,
        "original_media_uri": None,
        **({"note": found.note} if found.note else {}),
    }


def _until_ts(entry: NumberedEntry) -> int:
    if entry.is_disabled:
        return _DISABLED_TS
    until = entry.disabled_until
    return _ENABLED_TS if until is None or until <= utc_now() else int(until.timestamp())


def _not_found(number: int) -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, f"content '{number}' not found")
