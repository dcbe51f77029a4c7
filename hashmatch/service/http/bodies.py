"""Request bodies: streamed into memory, up to a limit, and never into a file.

The usual parsers of multipart bodies spool them to temporary files, where no image may ever be; the
one here writes to memory only.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from hashmatch.errors import InputError
from hashmatch.imaging import too_large
from hashmatch.outcome import Failure, Reason

Model = TypeVar("Model", bound=BaseModel)
# More than a thousand hashes of the longest kind take.
_MAX_JSON_BYTES = 4_000_000
# A shorter one is parsed in less time than a thread takes.
_LONG_JSON_BYTES = 16 * 1024
# For the headers and boundaries of a multipart body, beyond the file.
_MAX_OVERHEAD_BYTES = 64 * 1024
# Few parts are accepted; this bounds the memory for a body that has more.
_MAX_PARTS = 10
_MAX_TEXT_BYTES = 16 * 1024
_MAX_BOUNDARY_BYTES = 70  # RFC 2046.
# Encodings of a part that leave its bytes as they are.
_PLAIN_ENCODINGS = (b"binary", b"8bit", b"7bit")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrived, and the field that it came in, "" where it was the body itself.

    `texts` are the other fields of the form, where they are accepted.
    """

    data: bytes
    field: str = ""
    texts: Mapping[str, str] = default(default_factory=dict)


@dataclass(slots=True)
class _Part:
    name: str = ""
    is_file: bool = False
    # Any parameter that some program takes for a file name, and headers that one may read twice.
    names_file: bool = False
    is_ambiguous: bool = False
    dispositions: int = 0
    chunks: list[bytes] = default(default_factory=list)


class _Form:
    """Parser of a multipart body; `parts` grow as pieces are written."""

    def __init__(self, boundary: bytes) -> None:
        self.parts: list[_Part] = []
        self._closing = b"\r\n--" + boundary + b"--"
        self._tail = b""
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
        """Parse the next piece of the body. Raises `InputError`."""
        beyond = chunk if self.is_complete else b""
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise _malformed() from error
        if self.is_complete and not beyond:
            _, _, beyond = (self._tail + chunk).partition(self._closing)
        # The parser ignores bytes after the closing boundary. They could be another file,
        # which would not be screened.
        if beyond.strip():
            raise InputError("the multipart body has data after its closing boundary")
        # The closing boundary may be split between two pieces.
        self._tail = (self._tail + chunk)[-len(self._closing) :]

    def _begin(self) -> None:
        if len(self.parts) >= _MAX_PARTS:
            raise InputError("the multipart body has too many parts")
        self.parts.append(_Part())

    def _add(self, place: int, piece: bytes) -> None:
        # Names and values of headers may arrive in several pieces.
        self._header[place] += piece

    def _end_header(self) -> None:
        name, value = self._header
        self._header = [b"", b""]
        if name.lower() == b"content-disposition":
            _, options = parse_options_header(value)
            self.parts[-1].name = options.get(b"name", b"").decode(errors="replace")
            self.parts[-1].is_file = b"filename" in options
            self.parts[-1].names_file |= b"filename" in value.lower()
            self.parts[-1].dispositions += 1
            self.parts[-1].is_ambiguous |= self.parts[-1].dispositions > 1
        if name.lower() == b"content-type" and value.strip().lower().startswith(b"multipart/"):
            self.parts[-1].is_ambiguous = True  # Other parts are in this one.
        # The encoded bytes would be screened in place of the image.
        encoding = name.lower() == b"content-transfer-encoding"
        if encoding and value.strip().lower() not in _PLAIN_ENCODINGS:
            raise InputError("a part of the multipart body is encoded", hint="Send it as it is.")

    def _end(self) -> None:
        self.is_complete = True


async def receive(
    request: Request,
    *,
    max_bytes: int,
    timeout_s: float,
    take: Callable[[int], None],
    accepts_texts: bool = False,
) -> Upload | Failure:
    """Return the one file of a request, raw or as the only part of a multipart body.

    With `accepts_texts` a multipart body may also have parts without a file name. `take` is called
    with the size of each piece before it is stored, and may raise. Returns a `Failure` for a body
    that is too large, late, encoded or incomplete. Raises `InputError` for one that is no upload.
    """
    # Part of a file has other hashes than the file, and would look clear.
    if "content-range" in request.headers:
        raise InputError("Content-Range is not supported", hint="Send the complete file.")
    # Nothing here decompresses: the compressed bytes would be screened in place of the image.
    if request.headers.get("content-encoding", "identity") != "identity":
        return Failure(Reason.UNSUPPORTED, "the body is encoded; send the file as it is")
    try:
        async with asyncio.timeout(timeout_s), aclosing(_pieces(request)) as pieces:
            kind, options = parse_options_header(request.headers.get("content-type", ""))
            if kind == b"multipart/form-data":
                form = await _receive_form(pieces, options.get(b"boundary", b""), max_bytes, take)
                if isinstance(form, Failure):
                    return form
                return _upload(form.parts, max_bytes, accepts_texts=accepts_texts)
            return await _receive_raw(pieces, max_bytes, take)
    except TimeoutError:
        return Failure(Reason.UNREADABLE, "the body did not arrive in time")
    except ClientDisconnect:
        return Failure(Reason.UNREADABLE, "the connection closed before the end of the body")


async def receive_json(
    request: Request, model: type[Model], *, timeout_s: float, take: Callable[[int], None]
) -> Model:
    """Return the JSON object in the body of a request; its token was checked before.

    `take` is as for `receive`. Raises `InputError` for a body that is too long, arrives too late,
    or is not of the model's shape; the message never quotes the body.
    """
    try:
        async with asyncio.timeout(timeout_s), aclosing(_pieces(request)) as pieces:
            body = await _receive_raw(pieces, _MAX_JSON_BYTES, take)
    except (TimeoutError, ClientDisconnect) as error:
        raise InputError("the body did not arrive completely, or not in time") from error
    if isinstance(body, Failure):
        raise InputError(f"the body has more than {_MAX_JSON_BYTES} bytes")
    if len(body.data) < _LONG_JSON_BYTES:
        return _parsed(body.data, model)
    # The event loop goes on with other requests meanwhile.
    return await run_in_threadpool(_parsed, body.data, model)


def _parsed(data: bytes, model: type[Model]) -> Model:
    """Return a JSON object as a model. Raises `InputError`."""
    try:
        return model.model_validate(json.loads(data, object_pairs_hook=_unique_keys))
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # An unknown key came from the caller, and is not quoted.
        known = problem["loc"][: -1 if problem["type"] == "extra_forbidden" else None]
        place = ".".join(("body", *(str(part) for part in known)))
        # `from None`, since the cause quotes the body.
        raise InputError(f"{place}: {problem['msg']}", hint="See /docs.") from None
    # `RecursionError` for JSON that is nested too deeply.
    except (ValueError, RecursionError):
        raise InputError("the body is not JSON", hint="See /docs.") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs by key. Raises `InputError` for a repeated one: which of them counts?"""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InputError("the body repeats a key")
    return found


async def _pieces(request: Request) -> AsyncGenerator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece


async def _receive_raw(
    pieces: AsyncIterator[bytes], max_bytes: int, take: Callable[[int], None]
) -> Upload | Failure:
    chunks: list[bytes] = []
    # Counted as they arrive, since Content-Length is not trusted.
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
) -> _Form | Failure:
    if not 0 < len(boundary) <= _MAX_BOUNDARY_BYTES:
        raise _malformed()
    form = _Form(boundary)
    size = 0
    async for piece in pieces:
        size += len(piece)
        # The size of the file itself is checked at the end.
        if size > max_bytes + _MAX_OVERHEAD_BYTES:
            return too_large(max_bytes)
        take(len(piece))
        form.write(piece)
    if not form.is_complete:
        raise _malformed()
    return form


def read_files(data: bytes, content_type: str) -> list[bytes]:
    """Return the files of a multipart body: all parts but short plain texts.

    Raises `InputError` for a body that is malformed, or that others may read in another way.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    is_ambiguous = content_type.lower().count("boundary") != 1
    if is_ambiguous or not 0 < len(boundary) <= _MAX_BOUNDARY_BYTES:
        raise _malformed()
    form = _Form(boundary)
    form.write(data)
    if not form.is_complete or any(one.is_ambiguous for one in form.parts):
        raise _malformed()
    bodies = [(one, b"".join(one.chunks)) for one in form.parts]
    return [body for one, body in bodies if one.names_file or not _is_text(body)]


def _is_text(data: bytes) -> bool:
    """Say whether the value of a field is a short text, and no file."""
    if len(data) > _MAX_TEXT_BYTES or b"\0" in data:
        return False
    try:
        return data.decode().isprintable() or b"\n" in data or b"\t" in data
    except UnicodeDecodeError:
        return False


def _upload(parts: Sequence[_Part], max_bytes: int, *, accepts_texts: bool) -> Upload | Failure:
    files = [one for one in parts if one.is_file or not accepts_texts]
    if len(files) != 1:
        raise InputError(
            f"the multipart body has {len(files)} {'files' if accepts_texts else 'parts'}",
            hint="Send one file in one field.",
        )
    (part,) = files
    data = b"".join(part.chunks)
    if len(data) > max_bytes:
        return too_large(max_bytes)
    others = [(one.name, b"".join(one.chunks)) for one in parts if one is not part]
    try:
        texts = _unique_keys([(name, value.decode()) for name, value in others])
    except UnicodeDecodeError:
        raise InputError("a field of the multipart body is not UTF-8") from None
    return Upload(data, part.name, texts)


def _malformed() -> InputError:
    return InputError("the multipart body is malformed", hint="Send the file as the body itself.")
