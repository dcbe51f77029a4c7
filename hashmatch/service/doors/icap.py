"""ICAP (RFC 3507): proxies and upload handlers ask before they pass a message on.

Nothing is answered before the whole body was seen. What could not be screened is answered with an
error of ICAP, since clients take any 200 or 204 for "clean".
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType

from hashmatch._version import __version__
from hashmatch.errors import InputError
from hashmatch.imaging import too_large
from hashmatch.outcome import Failure, Reason

from ..http.bodies import read_files
from .icap_messages import (
    Head,
    IcapRequest,
    MalformedError,
    parse_head,
    read_chunks,
    read_request,
    write_answer,
)
from .verdicts import Desk, Verdict, within

_METHODS = ("REQMOD", "RESPMOD")
_PAGE = b"This file is not passed on.\n"
_REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" % len(_PAGE)
)
# Headers of uploads and answers in parts: those of HTTP, and of protocols above it.
_OF_PARTS = ("content-range", "upload-offset", "oc-chunked", "x-chunk-index")
_MAX_ENCODINGS = 2
# Lists change: as long may a client go on with what it was answered.
_TTL_S = 60
_BUSY = frozenset({Reason.OVERLOADED, Reason.STARTING})


class IcapDoor:
    """Answers the requests of connections."""

    def __init__(self, desk: Desk, found_name: str, timeout_s: float, max_bytes: int) -> None:
        self._desk = desk
        self._found_name = found_name
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection, until it is closed or breaks the protocol."""
        with suppress(TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            while True:
                try:
                    async with asyncio.timeout(self._timeout_s):
                        request = await read_request(reader)
                    if request is None:
                        return
                    answer, goes_on = await self._answer(request, reader, writer)
                except MalformedError:
                    answer, goes_on = self._error("400 Bad request"), False
                writer.write(answer)
                async with asyncio.timeout(self._timeout_s):
                    await writer.drain()
                if not goes_on:
                    return

    async def _answer(
        self, request: IcapRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[bytes, bool]:
        """Return the answer to a request, and whether the connection can go on."""
        goes_on = request.headers.get("connection", "").lower() != "close"
        if request.method == "OPTIONS":
            return self._options(), goes_on and not request.has_body
        if request.method not in _METHODS:
            return self._error("405 Method not allowed"), False
        if not request.has_body:
            return self._unmodified(request, b""), goes_on
        heads = {name: parse_head(data) for name, data in request.sections.items()}
        asked = heads.get("req-hdr")
        parts = asked.start.split() if asked else []
        reference = parts[1] if len(parts) == 3 else ""
        own = heads.get("req-hdr" if request.method == "REQMOD" else "res-hdr")
        pieces = within(self._timeout_s, read_chunks(reader, writer, is_preview=request.preview))
        unpack = partial(_files, own, max_bytes=self._max_bytes)
        answer = await self._desk.answer(pieces, reference[:1000], unpack)
        goes_on &= answer.is_whole
        if answer.verdict is Verdict.FOUND:
            return self._refusal(), goes_on
        if answer.verdict is Verdict.CLEAR:
            return self._unmodified(request, answer.body), goes_on
        status = "503 Service overloaded" if answer.reason in _BUSY else "500 Server error"
        named = {"X-Error-Code": "not_screened", "X-Reason": str(answer.reason)}
        # Some clients wait for the end of the connection after an error.
        return self._error(status, named), False

    @property
    def _headers(self) -> dict[str, str]:
        """Headers of every answer. What a client keeps of them, it keeps for a minute at most."""
        tag = f"{__version__}-{int(time.time() / _TTL_S)}"
        return {"ISTag": f'"{tag[:32]}"', "Server": f"hashmatch/{__version__}"}

    def _options(self) -> bytes:
        return write_answer(
            "200 OK",
            {
                **self._headers,
                "Methods": ", ".join(_METHODS),
                "Service": "hashmatch",
                "Allow": "204",
                "Options-TTL": str(_TTL_S),
            },
        )

    def _error(self, status: str, named: Mapping[str, str] = MappingProxyType({})) -> bytes:
        return write_answer(status, {**self._headers, "Connection": "close", **named})

    def _unmodified(self, request: IcapRequest, body: bytes) -> bytes:
        """Return the answer that a message may be passed on; with it, where that is asked for."""
        if request.may_be_unmodified:
            return write_answer("204 No content", self._headers)
        kind = "req" if request.method == "REQMOD" else "res"
        sections = {name: data for name, data in request.sections.items() if name == f"{kind}-hdr"}
        given = (f"{kind}-body", body) if request.has_body else None
        return write_answer("200 OK", self._headers, sections, given)

    def _refusal(self) -> bytes:
        """Return a response that takes the place of the message, whichever that is."""
        found = f"Type=0; Resolution=2; Threat={self._found_name};"
        named = {"X-Infection-Found": found, "X-Virus-ID": self._found_name}
        return write_answer(
            "200 OK", {**self._headers, **named}, {"res-hdr": _REFUSAL}, ("res-body", _PAGE)
        )


def _is_part(head: Head) -> bool:
    """Say whether a message has only a part of a file."""
    kind = head.headers.get("content-type", "").lower()
    is_of_parts = any(name in head.headers for name in _OF_PARTS)
    return is_of_parts or "byteranges" in kind or head.start.split()[1:2] == ["206"]


def _encodings(head: Head) -> list[str]:
    """Return what the body of a message is encoded with, the last encoding last."""
    named = (*_listed(head, "content-encoding"), *_listed(head, "transfer-encoding"))
    return [one for one in named if one not in ("", "identity", "chunked")]


def _listed(head: Head, name: str) -> list[str]:
    return [one.strip().lower() for one in head.headers.get(name, "").split(",")]


def _files(head: Head | None, body: bytes, *, max_bytes: int) -> list[bytes] | Failure:
    """Return the files in the body of a message, or why there is no verdict on them."""
    if head is None:
        return [body]
    # Part of a file has other hashes than the file, and would look clear.
    if _is_part(head):
        return Failure(Reason.UNSUPPORTED, "only a part of the file was sent")
    encodings = _encodings(head)
    if len(encodings) > _MAX_ENCODINGS:
        return Failure(Reason.UNSUPPORTED, "the body is encoded too often")
    for encoding in reversed(encodings):
        decoded = _decoded(encoding, body, max_bytes)
        if isinstance(decoded, Failure):
            return decoded
        body = decoded
    kind = head.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/"):
        return [body]
    try:
        files = read_files(body, kind)
    except InputError as error:
        return Failure(Reason.UNREADABLE, error.message)
    # Fields may hold a file, too: without any, the body is judged as a whole.
    return files or [body]


def _decoded(encoding: str, body: bytes, max_bytes: int) -> bytes | Failure:
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return Failure(Reason.UNSUPPORTED, "the body is encoded in a way that is not read here")
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)  # Either header.
    try:
        data = decoder.decompress(body, max_bytes + 1)
    except zlib.error:
        return Failure(Reason.UNREADABLE, "the encoded body is damaged")
    if len(data) > max_bytes:
        return too_large(max_bytes)
    # More after the end would be another file, which browsers show.
    if not decoder.eof or decoder.unused_data:
        return Failure(Reason.UNREADABLE, "the encoded body does not end where it should")
    return data
