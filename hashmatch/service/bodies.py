"""Request bodies: streamed into memory, up to a limit, and never into a file.

The usual parsers of multipart bodies spool them to temporary files, which no image may get into;
this one hands on what arrives to memory alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from hashmatch.errors import InputError
from hashmatch.imaging import too_large
from hashmatch.outcome import Failure, Reason

Model = TypeVar("Model", bound=BaseModel)

# A thousand hashes of the longest kind that there is take less.
_MOST_JSON_BYTES = 4_000_000
# What the parts of a multipart body may take beside their content.
_MOST_BESIDE = 64 * 1024
_MOST_PARTS = 10


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrived, and the field that it came in; no field where it was the whole body."""

    data: bytes
    field: str = ""


@dataclass(slots=True)
class _Part:
    name: str = ""
    chunks: list[bytes] = field(default_factory=list)


class _Form:
    """The parts of a multipart body, as they come."""

    def __init__(self, boundary: bytes) -> None:
        self.parts: list[_Part] = []
        self._closing = b"\r\n--" + boundary + b"--"
        self._before = b""
        self._header: list[bytes] = [b"", b""]
        self.is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": lambda data, start, end: self.parts[-1].chunks.append(
                    data[start:end]
                ),
                "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
                "on_header_end": self._end_header,
                "on_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> None:
        """Take a piece of the body. Raises `InputError`."""
        beyond = chunk if self.is_complete else b""
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise _malformed() from error
        if self.is_complete and not beyond:
            _, _, beyond = (self._before + chunk).partition(self._closing)
        # The parser passes over what comes after the end, which may be another file.
        if beyond.strip():
            raise InputError("the multipart body goes on after its end")
        self._before = (self._before + chunk)[-len(self._closing) :]

    def _begin(self) -> None:
        if len(self.parts) >= _MOST_PARTS:
            raise InputError("the multipart body has too many parts")
        self.parts.append(_Part())

    def _add(self, place: int, piece: bytes) -> None:
        self._header[place] += piece

    def _end_header(self) -> None:
        name, value = self._header
        self._header = [b"", b""]
        if name.lower() == b"content-disposition":
            _, options = parse_options_header(value)
            self.parts[-1].name = options.get(b"name", b"").decode(errors="replace")

    def _end(self) -> None:
        self.is_complete = True


async def receive(
    request: Request, *, max_bytes: int, timeout_s: float, take: Callable[[int], None]
) -> Upload | Failure:
    """Return the one file of a request, raw or as the only part of a multipart body.

    `take` is told of every byte before it is kept, and may raise. Raises `InputError` for a body
    that is no upload, and `ClientDisconnect` where it never ends.
    """
    if "content-range" in request.headers:
        raise InputError("a part of a file is no file", hint="Send the whole of it.")
    if request.headers.get("content-encoding", "identity") != "identity":
        return Failure(Reason.UNSUPPORTED, "the body is encoded; send the file as it is")
    try:
        async with asyncio.timeout(timeout_s), aclosing(_pieces(request)) as pieces:
            kind, options = parse_options_header(request.headers.get("content-type", ""))
            if kind == b"multipart/form-data":
                return await _receive_form(pieces, options.get(b"boundary", b""), max_bytes, take)
            return await _receive_raw(pieces, max_bytes, take)
    except TimeoutError:
        return Failure(Reason.UNREADABLE, "the body did not arrive in time")
    except ClientDisconnect:
        return Failure(Reason.UNREADABLE, "the body broke off")


async def receive_json(
    request: Request, model: type[Model], *, timeout_s: float, take: Callable[[int], None]
) -> Model:
    """Return the JSON object in the body of a request, which its token has let in before.

    Raises `InputError` for a body that is longer than any that makes sense, comes too late, or is
    not of the shape; it never quotes the body.
    """
    try:
        async with asyncio.timeout(timeout_s), aclosing(_pieces(request)) as pieces:
            body = await _receive_raw(pieces, _MOST_JSON_BYTES, take)
    except (TimeoutError, ClientDisconnect) as error:
        raise InputError("the body did not arrive whole, or not in time") from error
    if isinstance(body, Failure):
        raise InputError(f"the body has more than {_MOST_JSON_BYTES} bytes")
    try:
        return model.model_validate(json.loads(body.data, object_pairs_hook=_without_repeats))
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # A key that there is none of is what somebody sent, and not to be quoted.
        known = problem["loc"][: -1 if problem["type"] == "extra_forbidden" else None]
        place = ".".join(("body", *(str(part) for part in known)))
        raise InputError(f"{place}: {problem['msg']}", hint="See /docs.") from None
    except (ValueError, RecursionError):
        raise InputError("the body is not JSON", hint="See /docs.") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; one that gives a key twice could be read in two ways."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InputError("the body gives a key twice in one object")
    return found


async def _pieces(request: Request) -> AsyncGenerator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece


async def _receive_raw(
    pieces: AsyncIterator[bytes], max_bytes: int, take: Callable[[int], None]
) -> Upload | Failure:
    chunks: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            return too_large(max_bytes)
        take(len(piece))
        chunks.append(piece)
    return Upload(b"".join(chunks))


async def _receive_form(
    pieces: AsyncIterator[bytes], boundary: bytes, max_bytes: int, take: Callable[[int], None]
) -> Upload | Failure:
    if not 0 < len(boundary) <= 70:  # RFC 2046.
        raise _malformed()
    form = _Form(boundary)
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > max_bytes + _MOST_BESIDE:
            return too_large(max_bytes)
        take(len(piece))
        form.write(piece)
    if not form.is_complete:
        raise _malformed()
    if len(form.parts) != 1:
        raise InputError(
            f"the multipart body has {len(form.parts)} parts", hint="Send one file in one field."
        )
    (part,) = form.parts
    data = b"".join(part.chunks)
    return too_large(max_bytes) if len(data) > max_bytes else Upload(data, part.name)


def _malformed() -> InputError:
    return InputError("the multipart body is malformed", hint="Send the file as the body itself.")
