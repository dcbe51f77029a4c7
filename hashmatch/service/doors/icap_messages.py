"""Messages of ICAP (RFC 3507): parsing of requests, strictly, and writing of answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from .verdicts import read_pieces

_MAX_HEAD_BYTES = 64 * 1024
_REQUEST = re.compile(r"(OPTIONS|REQMOD|RESPMOD|[A-Z]{1,20}) (icaps?://\S{1,8000}) ICAP/1\.0")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_SECTION = re.compile(r"([a-z]+-(?:hdr|body))=(\d{1,8})")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\r\n")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Others may take either of two.
_ONCE = frozenset({"content-type", "content-range", "encapsulated", "preview", "connection"})
_BODIES = ("req-body", "res-body", "opt-body", "null-body")


class MalformedError(Exception):
    """A request that is not of the protocol; nothing after it can be understood."""


@dataclass(frozen=True, slots=True)
class Head:
    """Start line and headers; names are in lower case, values of the same name are joined."""

    start: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class IcapRequest:
    """A request, with the encapsulated headers as they were sent, by their names."""

    method: str
    headers: Mapping[str, str]
    sections: Mapping[str, bytes] = field(default_factory=dict)
    body: str = "null-body"

    @property
    def has_body(self) -> bool:
        """Say whether a body follows."""
        return self.body != "null-body"

    @property
    def preview(self) -> bool:
        """Say whether the client waits for permission after the beginning of the body."""
        return "preview" in self.headers

    @property
    def may_be_unmodified(self) -> bool:
        """Say whether the client takes 204 for an answer to all of a body."""
        return "204" in [one.strip() for one in self.headers.get("allow", "").split(",")]


async def read_request(reader: asyncio.StreamReader) -> IcapRequest | None:
    """Return the next request of a connection up to its body; None at its end.

    Raises `MalformedError`.
    """
    data = await _read_head(reader)
    if data is None:
        return None
    head = parse_head(data)
    found = _REQUEST.fullmatch(head.start)
    if found is None:
        raise MalformedError("the request line is not one of ICAP")
    if found[1] == "OPTIONS" and "encapsulated" not in head.headers:
        return IcapRequest(found[1], head.headers)
    places, body = _places(head.headers.get("encapsulated", ""))
    sections: dict[str, bytes] = {}
    for (name, begin), (_, end) in pairwise(places):
        if not 0 <= end - begin <= _MAX_HEAD_BYTES:
            raise MalformedError("the header Encapsulated is out of order")
        sections[name] = await reader.readexactly(end - begin)
    return IcapRequest(found[1], head.headers, sections, body)


async def _read_head(reader: asyncio.StreamReader) -> bytes | None:
    try:
        data = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial.strip():
            return None
        raise MalformedError("the connection ended within a request") from error
    except asyncio.LimitOverrunError as error:
        raise MalformedError("the headers are too long") from error
    return data.lstrip(b"\r\n")


def parse_head(data: bytes) -> Head:
    """Return a start line and headers. Raises `MalformedError`."""
    text = data.decode("latin-1").removesuffix("\r\n\r\n")
    # A line that ends otherwise would be two for somebody else.
    if _CONTROL.search(text.replace("\r\n", "")):
        raise MalformedError("a header has a control character")
    start, *lines = text.split("\r\n")
    headers: dict[str, str] = {}
    for line in filter(None, lines):
        found = _HEADER.fullmatch(line)
        if found is None:
            raise MalformedError("a header is malformed")
        name = found[1].lower()
        if name in headers and name in _ONCE:
            raise MalformedError(f"the header {name} is repeated")
        headers[name] = f"{headers[name]}, {found[2]}" if name in headers else found[2]
    return Head(start, headers)


def _places(text: str) -> tuple[list[tuple[str, int]], str]:
    """Return the sections of Encapsulated with their places, the body last, and its name."""
    places = list[tuple[str, int]]()
    for part in text.split(","):
        found = _SECTION.fullmatch(part.strip())
        if found is None:
            raise MalformedError("the header Encapsulated is malformed")
        places.append((found[1], int(found[2])))
    names = [name for name, _ in places]
    if places[0][1] or len(set(names)) < len(names) or names[-1] not in _BODIES:
        raise MalformedError("the header Encapsulated is malformed")
    if any(one in _BODIES for one in names[:-1]):
        raise MalformedError("the header Encapsulated has two bodies")
    return places, names[-1]


async def read_chunks(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_preview: bool
) -> AsyncIterator[bytes]:
    """Yield a body piece by piece; after a preview that is not all of it, ask for the rest.

    Raises `MalformedError`.
    """
    while True:
        line = await _read_line(reader)
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise MalformedError("the length of a chunk is malformed")
        size = int(found[1], 16)
        if not size:
            while await _read_line(reader) != b"\r\n":  # Trailers.
                pass
            extensions = [one.strip() for one in (found[2] or b"").split(b";")]
            if not is_preview or b"ieof" in extensions:
                return
            is_preview = False
            writer.write(b"ICAP/1.0 100 Continue\r\n\r\n")
            await writer.drain()
            continue
        async for piece in read_pieces(reader, size):
            yield piece
        if await reader.readexactly(2) != b"\r\n":
            raise MalformedError("a chunk is longer than its length")


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError as error:
        raise MalformedError("a line is too long") from error


def write_answer(
    status: str,
    headers: Mapping[str, str],
    sections: Mapping[str, bytes] | None = None,
    body: tuple[str, bytes] | None = None,
) -> bytes:
    """Return an answer, with encapsulated headers by their names and perhaps a body."""
    parts, place, encapsulated = list[bytes](), 0, list[str]()
    for name, data in (sections or {}).items():
        encapsulated.append(f"{name}={place}")
        place += len(data)
        parts.append(data)
    encapsulated.append(f"{body[0] if body else 'null-body'}={place}")
    lines = [f"ICAP/1.0 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    lines.append(f"Encapsulated: {', '.join(encapsulated)}")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    if body:
        content = b"%x\r\n%s\r\n" % (len(body[1]), body[1]) if body[1] else b""
        parts.append(content + b"0\r\n\r\n")
    return head + b"".join(parts)
