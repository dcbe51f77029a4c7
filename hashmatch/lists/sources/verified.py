"""Streams that are refused at their end where they are not what their sender says they are."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from hashmatch.config import MappingSettings
from hashmatch.errors import SourceError

from ..formats import ListFormat, Row

# What a sender may call SHA-256 and SHA-512 in the header fields of RFC 9530 and RFC 3230.
_DIGEST = re.compile(r"\b(sha-256|sha-512)=:?([A-Za-z0-9+/]+={0,2}):?", re.IGNORECASE)
_FIELDS = ("Repr-Digest", "Content-Digest", "Digest")


@dataclass(frozen=True, slots=True)
class Digest:
    """What a delivery has to hash to; `told_by` names who says so."""

    algorithm: str
    value: bytes
    told_by: str


def read_digest_header(headers: Mapping[str, str]) -> Digest | None:
    """Return the strongest digest that an answer gives of its body, if any."""
    found: list[Digest] = []
    for field in _FIELDS:
        for name, text in _DIGEST.findall(headers.get(field, "")):
            try:
                value = base64.b64decode(text, validate=True)
            except binascii.Error:
                value = b""  # Which agrees with nothing.
            found.append(Digest(name.lower().replace("-", ""), value, f"the header {field}"))
    return max(found, key=lambda one: one.algorithm, default=None)


def parse_checksum_file(text: str, told_by: str) -> Digest:
    """Return the SHA-256 that a checksum file gives in its first word. Raises `SourceError`."""
    words = text.split()
    if not words or not re.fullmatch(r"[0-9a-fA-F]{64}", words[0]):
        raise SourceError(f"{told_by} holds no SHA-256")
    return Digest("sha256", bytes.fromhex(words[0]), told_by)


def read_rows(
    stream: io.RawIOBase,
    list_format: ListFormat,
    mapping: MappingSettings | None,
    digest: Digest | None,
    at_end: Callable[[], None] = lambda: None,
) -> Iterator[Row]:
    """Yield the rows of a delivery, to its very end.

    Raises `SourceError` there where it is not what `digest` says; `at_end` may raise it, too.
    """
    verified = io.BufferedReader(_Hashed(stream, digest), 1 << 16)
    yield from list_format.read(verified, mapping)
    while verified.read(1 << 16):
        pass
    at_end()


class _Hashed(io.RawIOBase):
    def __init__(self, stream: io.RawIOBase | BinaryIO, digest: Digest | None) -> None:
        self._stream = stream
        self._digest = digest
        self._hash = hashlib.new(digest.algorithm) if digest else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size: int = self._stream.readinto(buffer)  # type: ignore[union-attr]
        if self._hash is None or self._digest is None:
            return size
        self._hash.update(memoryview(buffer)[:size])
        if not size and self._hash.digest() != self._digest.value:
            raise SourceError(
                f"the delivery does not agree with {self._digest.told_by}",
                hint="It is not whole, or not the one that the checksum is of.",
            )
        return size
