"""The one file of a request: in a form, as HMA's clients send it, or fetched from a URL."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import Query
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from hashmatch.errors import FetchError, FileTooLargeError, InputError
from hashmatch.outcome import Failure, Outcome, Reason

from ...runtime.state import state_of
from ..scans import receive_upload, require_field
from .words import PHOTO, VIDEO

_ANONYMOUS = "hma"
_MAX_REFERENCE = 4000
_BINARY = {"type": "string", "format": "binary"}
FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {PHOTO: _BINARY, VIDEO: _BINARY}}
            }
        },
    }
}
# Bodies that clients send with a URL: none, or further facts.
_BODIES_WITH_URL = (b"", b"application/json", b"application/x-www-form-urlencoded")


class FileQuery:
    """Parameters of every call that takes a file."""

    def __init__(
        self,
        url: Annotated[
            str | None,
            Query(max_length=4000, description="Fetch it from one of service.fetch_hosts."),
        ] = None,
        content_type: Annotated[
            Literal["photo", "video"] | None, Query(description="Of the file at the URL.")
        ] = None,
        types: Annotated[
            str | None, Query(max_length=1000, description="Signal types, separated by commas.")
        ] = None,
    ) -> None:
        self.url = url
        self.content_type = content_type
        self.types = types


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file, whether it is sent as a video, and the other fields of its form.

    `reference` is the URL that it was fetched from, without the query, which may hold secrets.
    """

    data: bytes
    is_video: bool
    texts: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""


@asynccontextmanager
async def receive_file(request: Request, query: FileQuery) -> AsyncIterator[ReceivedFile | Failure]:
    """Receive or fetch the file of a request; its memory is reserved until the end of the block.

    Raises `InputError`, `OverloadedError`, and `AddressError` for a URL that is not permitted.
    """
    # The memory stays reserved until the file is screened.
    with state_of(request).buffers.reserve() as take:
        if query.url is None:
            yield await _receive(request, take)
        else:
            yield await _fetch(request, query.url, query.content_type, take)


def body_type(request: Request) -> bytes:
    """Return the content type of a request's body, empty where it does not say any."""
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    return kind


async def screen_file(
    request: Request, file: ReceivedFile | Failure, content_id: str | None
) -> Outcome:
    """Screen a file, and count the outcome; one without a content id shares the id "hma".

    Raises `OverloadedError`.
    """
    service = state_of(request)
    scanner = service.scanner
    content_id = content_id or _ANONYMOUS
    if isinstance(file, Failure):
        job = partial(scanner.refuse, file, content_id=content_id)
    else:
        scan = scanner.scan_video if file.is_video else scanner.scan
        job = partial(scan, file.data, content_id=content_id, reference=file.reference)
    with service.scans.admitted():
        outcome = await service.work(service.scans, job)
    service.metrics.count_outcomes(outcome)
    return outcome


async def _receive(request: Request, take: Callable[[int], None]) -> ReceivedFile | Failure:
    upload = await receive_upload(request, take, accepts_texts=True)
    if isinstance(upload, Failure):
        return upload
    require_field(upload, (PHOTO, VIDEO))
    return ReceivedFile(upload.data, upload.field == VIDEO, upload.texts)


async def _fetch(
    request: Request, url: str, content_type: str | None, take: Callable[[int], None]
) -> ReceivedFile | Failure:
    if body_type(request) not in _BODIES_WITH_URL:
        raise InputError("there is a URL and a file", hint="Send one of them.")
    service = state_of(request)
    started_at_s = time.perf_counter()
    try:
        with service.fetches.admitted():
            fetched = await service.fetches.run(partial(service.fetcher.fetch, url, take))
    except FileTooLargeError as error:
        return Failure(Reason.TOO_LARGE, error.message)
    except FetchError as error:
        return Failure(Reason.UNREADABLE, error.message)
    service.metrics.observe_stage("receive", time.perf_counter() - started_at_s)
    is_video = (content_type or fetched.content_type).startswith(VIDEO)
    return ReceivedFile(fetched.data, is_video, reference=_reference(url))


def _reference(url: str) -> str:
    parts = urlsplit(url)
    text = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return text if len(text) <= _MAX_REFERENCE else ""
