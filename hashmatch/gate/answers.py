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
_PACKED = (
    _ZIP_START, b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ",
    b"%PDF", b"\x1aE\xdf\xa3", b"OggS", b"\x93NUMPY",
)  # fmt: skip
# Keys under which servers of images give files, whatever their format is.
_FILE_KEYS = frozenset({"b64_json", "image_b64", "b64", "partial_image_b64"})
_URL_KEYS = frozenset(
    {"url", "urls", "uri", "src", "image", "images", "image_url", "imageurl", "image_urls",
     "output", "outputs", "sample", "data"}
)  # fmt: skip
_DATA_URL = re.compile(r"data:([\w.+/-]*)((?:;[^,;]*)*),", re.IGNORECASE)
_DATA_URL_IN_TEXT = re.compile(
    rb"data:[\w.+/-]{0,100}((?:;[^,;\s]{0,100}){0,5}),([A-Za-z0-9+/=_%~.!*()-]+)", re.IGNORECASE
)
_BASE64_IN_TEXT = re.compile(rb"[A-Za-z0-9+/_-]{60,}(?:(?:\s|\\[nr])*[A-Za-z0-9+/_-]+)*={0,2}")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{60,}={0,2}")
_ADDRESS = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
# Shorter strings hold no picture that shows anything.
_MIN_BASE64 = 64
# Of base64 whole groups; enough for the signature of any file.
_HEAD_CHARACTERS = 400
_MAX_MEMBERS = 1000
_MAX_DEPTH = 64
# Fewer are no picture that shows anything.
_MAX_NUMBERS = 3_000
_LOCAL_HEADER_BYTES, _DESCRIPTOR_BYTES = 30, 24


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
    if kind.startswith(("video/", "multipart/")):
        # What they show is more than one picture, of which a decoder sees the first.
        raise RefusedError(Refusal.UNSCREENED, f"an answer of type {kind}")
    if _JSON.fullmatch(kind) and not _is_picture(body):
        return screen_json(body, check, bounds)
    if kind in _JSON_LINES:
        return b"".join(_screen_line(one, check, bounds) for one in body.splitlines(keepends=True))
    if body.startswith((_ZIP_START, _EMPTY_ZIP)) or kind == "application/zip":
        _screen_archive(body, check, bounds)
    elif kind.startswith("image/") or _is_picture(body):
        require_shown(check([body]))
    elif is_text(body):
        screen_text(body, check)
    elif kind.startswith("text/") or not bounds.passes_others:
        # Text in an unusual encoding may hold pictures in it.
        raise RefusedError(Refusal.UNSCREENED, f"an answer of type {kind or 'unknown'}")
    return body


def screen_json(body: bytes, check: Check, bounds: Bounds) -> bytes:
    """Return a JSON text as `screen` does. Raises `RefusedError` for a text that is none."""
    try:
        # In a list, so that a text that is a string by itself is looked at as any other.
        whole = [json.loads(body, object_pairs_hook=_object)]
    except (ValueError, RecursionError) as error:
        raise RefusedError(Refusal.UNSCREENED, "a JSON text that cannot be read") from error
    finder = _Finder(bounds)
    places = list(finder.places(whole, "", 0))
    if not places:
        return body
    decisions = check([one.data for one in places])
    withheld = [one for one, decided in zip(places, decisions, strict=True) if not decided.is_shown]
    if len(withheld) == len(places):
        raise RefusedError(_refusal(decisions), "every picture of the answer is withheld")
    for one in withheld:
        one.replace()
    # Written again in any case: clients differ in how they read what is unusual.
    return json.dumps(whole[0], separators=(",", ":")).encode()


def screen_words(body: bytes, check: Check, bounds: Bounds) -> bytes:
    """Return as `screen` does what is JSON or any other text, with no type that says which."""
    if body.lstrip().startswith((b"{", b"[", b'"')):
        return screen_json(body, check, bounds)
    screen_text(body, check)
    return body


def _screen_line(line: bytes, check: Check, bounds: Bounds) -> bytes:
    text = line.rstrip(b"\r\n")
    return screen_json(text, check, bounds) + line[len(text) :] if text.strip() else line


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):  # Of which clients read different ones.
        raise ValueError("a repeated key")
    return value


@dataclass(frozen=True, slots=True)
class _Place:
    """A string in a JSON value that holds a picture, and the container that holds the string."""

    holder: Any
    key: Any
    is_url: bool
    data: bytes

    def replace(self) -> None:
        """Put a neutral picture there."""
        grey = base64.b64encode(neutral_file()).decode()
        self.holder[self.key] = f"data:image/png;base64,{grey}" if self.is_url else grey


class _Finder:
    """Finds the pictures in a JSON value; raises `RefusedError` for what cannot be looked at."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._numbers = 0

    def places(self, value: Any, name: str, depth: int) -> Iterator[_Place]:
        """Yield every picture in a value; items of a list have the name of the list."""
        if depth > _MAX_DEPTH:
            raise RefusedError(Refusal.UNSCREENED, "a JSON text that is nested too deep")
        if isinstance(value, dict):
            items: Sequence[tuple[Any, Any]] = list(value.items())
            if any(len(key) >= _MIN_BASE64 and pictures_of_text(key.encode()) for key in value):
                raise RefusedError(Refusal.UNSCREENED, "a picture in place of a name")
        elif isinstance(value, list):
            items = list(enumerate(value))
            self._count_numbers(value)
        else:
            return
        for key, one in items:
            own = key if isinstance(key, str) else name
            if isinstance(one, str):
                yield from self._in_string(value, key, own, one)
            else:
                yield from self.places(one, own, depth + 1)

    def _count_numbers(self, value: list[Any]) -> None:
        """Refuse long arrays of numbers: they may be the pixels or bytes of a picture."""
        self._numbers += sum(isinstance(one, (int, float)) for one in value)
        if self._numbers > _MAX_NUMBERS and not self._bounds.passes_others:
            raise RefusedError(Refusal.UNSCREENED, "an array of numbers, which may be a picture")

    def _in_string(self, holder: Any, key: Any, name: str, text: str) -> Iterator[_Place]:
        stripped = text.lstrip()
        if (url := _DATA_URL.match(stripped)) is not None:
            for data in _of_data_url(url[2], stripped[url.end() :].encode("utf-8", "replace")):
                yield _Place(holder, key, is_url=True, data=data)
        elif name.lower() in _URL_KEYS and _ADDRESS.match(text):
            if not self._bounds.passes_urls:
                raise RefusedError(Refusal.UNSCREENED, "an address in place of a picture")
        elif name.lower() in _FILE_KEYS and text:
            # A file by its name, whatever it is; what is no base64 has no verdict.
            yield _Place(holder, key, is_url=False, data=_decoded(text) or b"")
        elif len(text) < _MIN_BASE64:
            return
        elif _starts_as_file(text):
            yield _Place(holder, key, is_url=False, data=_decoded(text) or b"")
        else:
            for data in self._of_text(text):
                yield _Place(holder, key, is_url=True, data=data)

    def _of_text(self, text: str) -> Sequence[bytes]:
        """Return the pictures in a longer text, such as JSON in JSON, which goes with any."""
        if text.lstrip().startswith(("{", "[")):
            with suppress(ValueError, RecursionError):
                nested = json.loads(text, object_pairs_hook=_object)
                return [one.data for one in self.places([nested], "", 1)]
        return pictures_of_text(text.encode("utf-8", "replace"))


def _starts_as_file(text: str) -> bool:
    """Say whether a string begins as the base64 of a file, whatever follows."""
    head = _decoded(text[:_HEAD_CHARACTERS])
    return head is not None and _is_file(head)


def _is_file(data: bytes) -> bool:
    """Say whether data are a picture, or packed or moving, so that they may show one."""
    is_packed = data.startswith(_PACKED) or data[4:8] == b"ftyp" or data[257:262] == b"ustar"
    return is_packed or recognise(data) is not None


def _is_picture(body: bytes) -> bool:
    """Say whether a body is a picture; a text that happens to begin like one is not."""
    return recognise(body) is not None and not is_text(body)


def _of_data_url(parameters: str, content: bytes) -> Sequence[bytes]:
    """Return the pictures in the content of a data URL: itself, unless it is a text."""
    content = unquote_to_bytes(content)
    if ";base64" in parameters.lower():
        content = _decoded(content.decode("ascii", "replace")) or b""
    if content and is_text(content):
        return pictures_of_text(content)
    return [content]


def _decoded(text: str) -> bytes | None:
    """Return what a string in base64 holds, also without its padding; None if it is no base64."""
    packed = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def pictures_of_text(body: bytes) -> list[bytes]:
    """Return the pictures in data URLs of a text, and those that are long runs of base64."""
    plain = body.replace(b"\\/", b"/")
    texts = {plain, unescape(plain.decode("utf-8", "replace")).encode("utf-8", "replace")}
    found: list[bytes] = []
    for text in texts:
        for url in _DATA_URL_IN_TEXT.finditer(text):
            found.extend(_of_data_url(url[1].decode("ascii", "replace"), url[2]))
        for run in _BASE64_IN_TEXT.finditer(text):
            characters = run[0].decode().replace("\\n", "").replace("\\r", "")
            if _starts_as_file(characters):
                found.append(_decoded(characters) or b"")
    return found


def pictures_in(text: str) -> list[bytes]:
    """Return the pictures that a string is, in base64, or that are written into it."""
    if len(text) < _MIN_BASE64:
        return []
    if _starts_as_file(text):
        return [_decoded(text) or b""]
    return pictures_of_text(text.encode("utf-8", "replace"))


def without_pictures(text: str) -> str:
    """Return a text without the runs of base64 in it that are files, and with all others."""

    def cut(run: re.Match[str]) -> str:
        return " " if _starts_as_file(run[0]) else run[0]

    return _RUN.sub(cut, text)


def screen_text(body: bytes, check: Check) -> None:
    """Check the pictures that are written into a text. Raises `RefusedError` for a withheld one."""
    pictures = pictures_of_text(body)
    if pictures:
        require_shown(check(pictures))


def is_text(body: bytes) -> bool:
    """Say whether a body is text in UTF-8."""
    if b"\0" in body:
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _screen_archive(body: bytes, check: Check, bounds: Bounds) -> None:
    """Check every file of an archive, which leaves as a whole or not at all."""

    def strictly(pictures: Sequence[bytes]) -> Sequence[Decision]:
        decisions = check(pictures)
        require_shown(decisions)
        return decisions

    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            total_bytes = sum(one.file_size for one in members)
            if len(members) > _MAX_MEMBERS or total_bytes > bounds.max_bytes:
                raise RefusedError(Refusal.UNSCREENED, "an archive of too many or too large files")
            _require_whole(body, archive, members)
            files = [_unpack(archive, one) for one in members if one.file_size]
    except RefusedError:
        raise
    except Exception as error:  # (damaged archives raise nearly anything)
        raise RefusedError(Refusal.UNSCREENED, "an archive that cannot be unpacked") from error
    pictures = []
    for name, data in files:
        if is_text(data):
            screen(data, "application/json" if name.lower().endswith(".json") else "", strictly,
                   bounds)  # fmt: skip
        else:
            pictures.append(data)
    # An archive in it is no picture, and so has no verdict.
    strictly(pictures)


def _require_whole(
    body: bytes, archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]
) -> None:
    """Raise `RefusedError` for data that the directory of an archive does not name."""
    end = 0
    for one in sorted(members, key=lambda member: member.header_offset):
        start = one.header_offset
        if not end <= start <= end + _DESCRIPTOR_BYTES:
            raise RefusedError(Refusal.UNSCREENED, "an archive with further data in it")
        names = (body[start + at : start + at + 2] for at in (26, 28))
        sizes = (int.from_bytes(name, "little") for name in names)
        end = start + _LOCAL_HEADER_BYTES + sum(sizes) + one.compress_size
    if archive.start_dir > end + _DESCRIPTOR_BYTES:
        raise RefusedError(Refusal.UNSCREENED, "an archive with further data in it")


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[str, bytes]:
    with archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise RefusedError(Refusal.UNSCREENED, "an archive that says the wrong size of a file")
    return member.filename, data


def require_shown(decisions: Sequence[Decision]) -> None:
    """Raise `RefusedError` unless every picture may be shown."""
    if not all(one.is_shown for one in decisions):
        raise RefusedError(_refusal(decisions), "a picture of the answer is withheld")


def _refusal(decisions: Sequence[Decision]) -> Refusal:
    is_match = any(one.verdict in (Verdict.MATCHED, Verdict.NEAR) for one in decisions)
    return Refusal.BLOCKED if is_match else Refusal.UNSCREENED
