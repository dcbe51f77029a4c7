"""Requests to servers of images: the words and pictures in them, checked before anything is made.

Every text of a body counts as a prompt, wherever it stands: which of them steer a picture is the
server's business. Pictures are those to begin with, masks and references.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from hashmatch.imaging import recognise

from .answers import (
    Refusal,
    RefusedError,
    is_text,
    pictures_in,
    require_shown,
    without_pictures,
)
from .decisions import Context, Role
from .gate import ImageGate

_MAX_PARTS, _MAX_DEPTH, _MAX_TEXTS = 1_000, 64, 100_000
_MAX_CHARACTERS = 1_000_000
_FORM = b"application/x-www-form-urlencoded"
_CHARSETS = frozenset({b"", b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_PART_HEADERS = frozenset({b"content-disposition", b"content-type", b"content-length"})
# How JSON in UTF-16 or UTF-32 begins.
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"{\0", b"\0{", b"[\0", b"\0[", b"\0\0\0")


class UnreadableRequestError(Exception):
    """A request that cannot be looked through."""


@dataclass(slots=True)
class Asked:
    """Texts of a request, and its pictures with the names that they have there."""

    texts: list[str] = field(default_factory=list)
    pictures: list[tuple[str, bytes]] = field(default_factory=list)
    _characters: int = 0

    def add_text(self, name: str, text: str, depth: int = 0) -> None:
        """Add a text, the pictures that are written into it, and what it holds as JSON."""
        found = pictures_in(text)
        self.pictures.extend((name, one) for one in found)
        # But for the pictures themselves, the text is looked at with them, too.
        plain = without_pictures(text) if found else text
        self.texts.append(plain)
        self._characters += len(plain)
        if len(self.texts) > _MAX_TEXTS or self._characters > _MAX_CHARACTERS:
            raise UnreadableRequestError
        if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", '"') and not found:
            with suppress(ValueError, RecursionError):
                nested = json.loads(text.lstrip("\ufeff \t\r\n"), object_pairs_hook=_Object)
                self.add_value(nested, name, depth + 1)

    def add_part(self, name: str, data: bytes) -> None:
        """Add a part, as a picture where it is one, and as a text where it is text."""
        is_picture = recognise(data) is not None
        try:
            self.add_text(name, data.decode())
        except UnicodeDecodeError as error:
            if not is_picture:
                raise UnreadableRequestError from error
        if is_picture and not is_text(data):
            self.pictures.append((name, data))

    def add_value(self, value: Any, name: str = "", depth: int = 0) -> None:
        """Add what is in a value of JSON, names included."""
        if depth > _MAX_DEPTH:
            raise UnreadableRequestError
        if isinstance(value, str):
            self.add_text(name, value, depth)
        elif isinstance(value, _Object):
            for key, one in value:
                self.add_text("", key, depth)
                self.add_value(one, key, depth + 1)
        elif isinstance(value, list):
            for one in value:
                self.add_value(one, name, depth + 1)


class _Object(list[tuple[str, Any]]):
    """An object of JSON with all of its pairs: servers differ in which of equal names counts."""


def read_request(body: bytes, kind: str = "", address: bytes = b"") -> Asked:
    """Return what a request asks with; `address` is its path and query, as they were sent.

    Raises `UnreadableRequestError`.
    """
    asked = Asked()
    _add_pairs(asked, address.partition(b"?")[2])
    asked.add_text("", unquote(address.decode("latin-1")))
    name, options = parse_options_header(kind)
    _require_charset(options.get(b"charset", b""))
    if name.startswith(b"multipart/"):
        for part, data in _parts(body, options.get(b"boundary", b"")):
            asked.add_part(part, data)
    elif b"json" in name or body.startswith(_WIDE_MARKS):
        asked.add_value(_parsed(body))
    elif body:
        # As it stands, too: a server may read it as something else than it says.
        asked.add_part("", body)
        if name == _FORM:
            _add_pairs(asked, body)
    return asked


def _add_pairs(asked: Asked, form: bytes) -> None:
    for key, value in parse_qsl(form.decode("latin-1"), keep_blank_values=True):
        asked.add_text("", key)
        asked.add_text(key, value)


def _require_charset(charset: bytes) -> None:
    """Raise `UnreadableRequestError` for one in which letters are others than they seem."""
    if charset.strip().lower() not in _CHARSETS:
        raise UnreadableRequestError


def require_passing(
    body: bytes, kind: str, address: bytes, gate: ImageGate, adapter: str, *, passes_others: bool
) -> None:
    """Raise `RefusedError` for a request whose words or pictures may not be used.

    What cannot be looked through is refused as well, unless it is a file that `passes_others`.
    """
    try:
        asked = read_request(body, kind, address)
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


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each part of a form, and all of its headers."""
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
        if not {*headers} <= _PART_HEADERS:  # Such as one that says that it is packed.
            raise UnreadableRequestError
        _require_charset(
            parse_options_header(headers.get(b"content-type", b""))[1].get(b"charset", b"")
        )
        yield "", b" ".join(headers.values())
        options = parse_options_header(headers.get(b"content-disposition", b""))[1]
        yield options.get(b"name", b"").decode("utf-8", "replace"), b"".join(pieces)
