"""Answers of servers of images: the pictures in them, and the answers without what is withheld.

Pictures are looked for wherever a client may find one: in the body itself, in archives, in JSON at
any depth (as base64 or a data URL), and in text. An answer that cannot be looked through is
withheld as a whole.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from html import unescape
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from hashmatch.imaging import recognise

from .decisions import Decision, Verdict
from .pictures import neutral_file

Check: TypeAlias = Callable[[Sequence[bytes]], Sequence[Decision]]

_JSON = re.compile(r"application/(?:[\w.+-]*\+)?json")
_JSON_LINES = frozenset({"application/x-ndjson", "application/jsonl", "application/jsonlines"})
_ZIP_START = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_PACKED = (_ZIP_START, b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")
# Keys under which servers of images give files, whatever their format is.
_FILE_KEYS = frozenset({"b64_json", "image_b64", "b64", "partial_image_b64"})
_URL_KEYS = frozenset({"url", "image_url"})
_DATA_URL = re.compile(r"data:([\w.+/-]*)((?:;[^,;]*)*),", re.IGNORECASE)
_DATA_URL_IN_TEXT = re.compile(rb"data:image/[^,]{0,200},([A-Za-z0-9+/=_%\s-]+)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_=\s-]+\Z")
# Shorter strings hold no picture that shows anything.
_MIN_BASE64 = 64
_HEAD_CHARACTERS = 4096
_DATA = "data:"
_MAX_MEMBERS = 1000
# Damaged, encrypted, and of a compression that is not known here.
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError,
    ValueError,
)  # fmt: skip
_MAX_DEPTH = 64


class Refusal(StrEnum):
    """Reason for which an answer, or all pictures of one, must not leave."""

    BLOCKED = "blocked"  # a picture of it is on a list
    UNSCREENED = "unscreened"  # a picture of it got no verdict, or it could not be looked through


class RefusedError(Exception):
    """An answer that must not leave."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of what is held and unpacked of one answer, and what may pass unseen.

    `passes_urls` lets the addresses of pictures pass, `passes_others` files that are neither
    pictures nor text.
    """

    max_bytes: int
    passes_urls: bool = False
    passes_others: bool = False


def screen(body: bytes, content_type: str, check: Check, bounds: Bounds) -> bytes:
    """Return the body of an answer, with neutral pictures in place of those that are withheld.

    `content_type` is what the answer says of itself, which is not trusted. Raises `RefusedError`
    where nothing would be left, and where the body cannot be looked through.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return body
    if _JSON.fullmatch(kind):
        return screen_json(body, check, bounds)
    if kind in _JSON_LINES:
        lines = body.splitlines(keepends=True)
        return b"".join(screen_json(one, check, bounds) if one.strip() else one for one in lines)
    if body.startswith((_ZIP_START, _EMPTY_ZIP)) or kind == "application/zip":
        _screen_archive(body, check, bounds)
    elif kind.startswith(("image/", "video/", "multipart/")) or recognise(body) is not None:
        _require_shown(check([body]))
    elif _is_text(body):
        _screen_text(body, check)
    elif kind.startswith("text/") or not bounds.passes_others:
        # Text in an unusual encoding may hold pictures in it.
        raise RefusedError(Refusal.UNSCREENED, f"an answer of type {kind or 'unknown'}")
    return body


def screen_json(body: bytes, check: Check, bounds: Bounds) -> bytes:
    """Return a JSON text as `screen` does."""
    try:
        value = json.loads(body, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        if isinstance(error, _RepeatedKeyError):
            raise RefusedError(Refusal.UNSCREENED, "a JSON object with a repeated key") from error
        return screen(body, "", check, bounds)
    # In a list, so that a text that is a string by itself is looked at as any other.
    whole = [value]
    places = list(_places(whole, bounds, 0))
    if not places:
        return body
    decisions = check([one.data for one in places])
    withheld = [one for one, decided in zip(places, decisions, strict=True) if not decided.is_shown]
    if len(withheld) == len(places):
        raise RefusedError(_refusal(decisions), "every picture of the answer is withheld")
    for one in withheld:
        one.replace()
    # Written again in any case: clients differ in how they read what is unusual.
    return json.dumps(whole[0], ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


class _RepeatedKeyError(ValueError):
    """An object of which clients read different values."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _RepeatedKeyError
    return value


@dataclass(frozen=True, slots=True)
class _Place:
    """A string in a JSON value that holds a picture, and the container that holds the string."""

    holder: Any
    key: Any
    prefix: str
    data: bytes

    def replace(self) -> None:
        """Put a neutral picture there."""
        grey = base64.b64encode(neutral_file()).decode()
        self.holder[self.key] = f"data:image/png;base64,{grey}" if self.prefix else grey


def _places(value: Any, bounds: Bounds, depth: int) -> Iterator[_Place]:
    """Yield every picture in a JSON value. Raises `RefusedError` for what cannot be looked at."""
    if depth > _MAX_DEPTH:
        raise RefusedError(Refusal.UNSCREENED, "a JSON text that is nested too deep")
    if isinstance(value, dict):
        items: Iterator[tuple[Any, Any]] = iter(list(value.items()))
    elif isinstance(value, list):
        items = iter(list(enumerate(value)))
    else:
        return
    for key, one in items:
        if isinstance(one, str):
            yield from _in_string(value, key, one, bounds)
        else:
            yield from _places(one, bounds, depth + 1)


def _in_string(holder: Any, key: Any, text: str, bounds: Bounds) -> Iterator[_Place]:
    is_file = isinstance(key, str) and key.lower() in _FILE_KEYS
    stripped = text.lstrip()
    if (url := _DATA_URL.match(stripped)) is not None:
        data = _from_data_url(url, stripped[url.end() :])
        if url[1].lower().startswith("image/") or recognise(data) is not None:
            yield _Place(holder, key, url[0], data)
        return
    if isinstance(key, str) and key.lower() in _URL_KEYS and "//" in text[:32]:
        if not bounds.passes_urls:
            raise RefusedError(Refusal.UNSCREENED, "an address in place of a picture")
        return
    if not is_file and (len(text) < _MIN_BASE64 or not _BASE64.match(text[:_HEAD_CHARACTERS])):
        yield from _in_text(holder, key, text, bounds)
        return
    if not text:
        return
    found = _decoded(text)
    if found is not None and (is_file or _is_file(found)):
        yield _Place(holder, key, "", found)
    elif is_file:
        raise RefusedError(Refusal.UNSCREENED, "a picture that is not in base64")


def _in_text(holder: Any, key: Any, text: str, bounds: Bounds) -> Iterator[_Place]:
    """Yield the pictures in a longer text, such as JSON in JSON, which goes with any of them."""
    if text.lstrip().startswith(("{", "[")) and len(text) >= _MIN_BASE64:
        with suppress(ValueError, RecursionError):
            nested = list(_places([json.loads(text)], bounds, 0))
            yield from (_Place(holder, key, _DATA, one.data) for one in nested)
            return
    for data in _pictures_of_text(text.encode("utf-8", "surrogatepass")):
        yield _Place(holder, key, _DATA, data)


def _is_file(data: bytes) -> bool:
    """Say whether data are a picture, or packed, so that they may be one."""
    return data.startswith(_PACKED) or recognise(data) is not None


def _from_data_url(url: re.Match[str], rest: str) -> bytes:
    content = unquote_to_bytes(rest)
    if ";base64" not in url[2].lower():
        return content
    return _decoded(content.decode("ascii", "replace")) or content


def _decoded(text: str) -> bytes | None:
    """Return what a string in base64 holds, also without its padding; None if it is no base64."""
    packed = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _pictures_of_text(body: bytes) -> list[bytes]:
    """Return the pictures in data URLs of a text, and that which a text in base64 is."""
    texts = {body, unescape(body.decode("utf-8", "replace")).encode("utf-8", "replace")}
    found = {
        unquote_to_bytes(one[1]).decode("ascii", "replace")
        for text in texts
        for one in _DATA_URL_IN_TEXT.finditer(text)
    }
    pictures = [_decoded(one) or b"" for one in sorted(found)]
    if not pictures and (whole := _decoded(body.decode("ascii", "replace"))) is not None:
        return [whole] if _is_file(whole) else []
    return pictures


def _screen_text(body: bytes, check: Check) -> None:
    pictures = _pictures_of_text(body)
    if pictures:
        _require_shown(check(pictures))


def _is_text(body: bytes) -> bool:
    if b"\0" in body:
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _screen_archive(body: bytes, check: Check, bounds: Bounds) -> None:
    """Check every file of an archive, which leaves as a whole or not at all."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            total_bytes = sum(one.file_size for one in members)
            if len(members) > _MAX_MEMBERS or total_bytes > bounds.max_bytes:
                raise RefusedError(Refusal.UNSCREENED, "an archive of too many or too large files")
            files = [_unpack(archive, one) for one in members if not one.is_dir()]
    except _ARCHIVE_ERRORS as error:
        raise RefusedError(Refusal.UNSCREENED, "an archive that cannot be unpacked") from error
    pictures = []
    for name, data in files:
        if name.lower().endswith((".json", ".txt", ".csv")) and _is_text(data):
            _screen_text(data, check)
        elif data:
            pictures.append(data)
    # An archive in it is no picture, and so has no verdict.
    _require_shown(check(pictures))


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[str, bytes]:
    with archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise RefusedError(Refusal.UNSCREENED, "an archive that says the wrong size of a file")
    return member.filename, data


def _require_shown(decisions: Sequence[Decision]) -> None:
    """Raise `RefusedError` unless every picture may be shown."""
    if not all(one.is_shown for one in decisions):
        raise RefusedError(_refusal(decisions), "a picture of the answer is withheld")


def _refusal(decisions: Sequence[Decision]) -> Refusal:
    is_match = any(one.verdict in (Verdict.MATCHED, Verdict.NEAR) for one in decisions)
    return Refusal.BLOCKED if is_match else Refusal.UNSCREENED
