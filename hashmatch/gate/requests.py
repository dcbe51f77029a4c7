"""Requests to servers of images: the words and pictures in them, checked before anything is made.

Every text of a body counts as a prompt, wherever it stands: which of them steer a picture is the
server's business. Pictures are those to begin with, masks and references.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from hashmatch.imaging import recognise

from .answers import Refusal, RefusedError, pictures_in, require_shown, without_base64
from .decisions import Context, Role
from .gate import ImageGate

_MAX_PARTS, _MAX_DEPTH, _MAX_TEXTS = 1_000, 64, 100_000
_FORM = "application/x-www-form-urlencoded"


class UnreadableRequestError(Exception):
    """A request that cannot be looked through."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Texts of a request, and its pictures with the names that they have there."""

    texts: list[str] = field(default_factory=list)
    pictures: list[tuple[str, bytes]] = field(default_factory=list)

    def add_text(self, name: str, text: str) -> None:
        """Add a text, and the pictures that are written into it."""
        found = pictures_in(text)
        self.pictures.extend((name, one) for one in found)
        self.texts.append(without_base64(text) if found else text)
        if len(self.texts) > _MAX_TEXTS:
            raise UnreadableRequestError

    def add_part(self, name: str, data: bytes) -> None:
        """Add a part, as a picture where it is one, and as a text otherwise."""
        if recognise(data) is not None:
            self.pictures.append((name, data))
            return
        try:
            self.add_text(name, data.decode())
        except UnicodeDecodeError as error:
            raise UnreadableRequestError from error

    def add_value(self, value: Any, name: str = "", depth: int = 0) -> None:
        """Add what is in a value of JSON, names included."""
        if depth > _MAX_DEPTH:
            raise UnreadableRequestError
        if isinstance(value, str):
            self.add_text(name, value)
        elif isinstance(value, _Object):
            for key, one in value:
                self.add_text("", key)
                self.add_value(one, key, depth + 1)
        elif isinstance(value, list):
            for one in value:
                self.add_value(one, name, depth + 1)


class _Object(list[tuple[str, Any]]):
    """An object of JSON with all of its pairs: servers differ in which of equal names counts."""


def read_request(body: bytes, kind: str = "", query: bytes = b"") -> Asked:
    """Return what a request asks with. Raises `UnreadableRequestError`."""
    asked = Asked()
    for _, value in parse_qsl(query.decode("latin-1")):
        asked.add_text("", value)
    name = kind.partition(";")[0].strip().lower()
    if name.startswith("multipart/"):
        for part, data in _parts(body, kind):
            asked.add_part(part, data)
    elif name == _FORM:
        # As it stands, too: a server may read it as something else than it says.
        asked.add_part("", body)
        for key, value in parse_qsl(body.decode("latin-1")):
            asked.add_text("", key)
            asked.add_text(key, value)
    elif "json" in name or body.lstrip()[:1] in (b"{", b"[", b'"'):
        asked.add_value(_parsed(body))
    elif body:
        asked.add_part("", body)
    return asked


def require_passing(
    body: bytes, kind: str, query: bytes, gate: ImageGate, adapter: str, *, passes_others: bool
) -> None:
    """Raise `RefusedError` for a request whose words or pictures may not be used.

    What cannot be looked through is refused as well, unless it is a file that `passes_others`.
    """
    try:
        asked = read_request(body, kind, query)
    except UnreadableRequestError as error:
        if passes_others and not gate.checks_prompts:
            return
        raise RefusedError(Refusal.UNSCREENED, "a request that cannot be read") from error
    if not gate.passes_prompts(asked.texts, context=Context(adapter, Role.INPUT)):
        raise RefusedError(Refusal.BLOCKED, "a prompt that may not be used")
    for role in (Role.INPUT, Role.MASK):
        pictures = [data for name, data in asked.pictures if _role_of(name) is role]
        if pictures:
            require_shown(gate.check(pictures, context=Context(adapter, role)).decisions)


def _role_of(name: str) -> Role:
    """Return the role of a picture by its name in a request."""
    return Role.MASK if "mask" in name.lower() else Role.INPUT


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        raise UnreadableRequestError from error


def _parts(body: bytes, kind: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each part of a form."""
    boundary = parse_options_header(kind)[1].get(b"boundary", b"")
    found: list[tuple[dict[bytes, bytes], list[bytes]]] = []
    name, value = bytearray(), bytearray()
    ended: list[bool] = []

    def begin() -> None:
        if len(found) >= _MAX_PARTS:
            raise UnreadableRequestError
        found.append(({}, []))

    def end_header() -> None:
        found[-1][0][bytes(name).lower()] = bytes(value)
        name.clear()
        value.clear()

    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": begin,
                "on_header_field": lambda data, start, end: name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: value.extend(data[start:end]),
                "on_header_end": end_header,
                "on_end": lambda: ended.append(True),
                "on_part_data": lambda data, start, end: found[-1][1].append(data[start:end]),
            },
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError, IndexError) as error:
        raise UnreadableRequestError from error
    if not ended:  # Servers differ in what they do without an end.
        raise UnreadableRequestError
    for headers, pieces in found:
        options = parse_options_header(headers.get(b"content-disposition", b""))[1]
        yield options.get(b"name", b"").decode("utf-8", "replace"), b"".join(pieces)
