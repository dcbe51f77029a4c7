"""Streams that are refused at their end unless they match the digest that their sender gave."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hashmatch.config import MappingSettings
from hashmatch.errors import SourceError

from ..delivery import Delivery
from ..formats import ListFormat, Row, unpacked

_BLOCK_BYTES = 1 << 16

# SHA-256 and SHA-512 in the header fields of RFC 9530 and RFC 3230.
_DIGEST = re.compile(r"\b(sha-256|sha-512)=:?([A-Za-z0-9+/]+={0,2}):?", re.IGNORECASE)
_FIELDS = ("Repr-Digest", "Content-Digest", "Digest")


@dataclass(frozen=True, slots=True)
class Digest:
    """Expected digest of a delivery; `claimed_by` names the header or file that gives it."""

    algorithm: str
    value: bytes
    claimed_by: str


def read_digest_header(headers: Mapping[str, str]) -> Digest | None:
    """Return the strongest digest that a response gives of its body, None without one."""
    found: list[Digest] = []
    for field in _FIELDS:
        for name, text in _DIGEST.findall(headers.get(field, "")):
            try:
                value = base64.b64decode(text, validate=True)
            except binascii.Error:
                value = b""  # No body matches it.
            found.append(Digest(name.lower().replace("-", ""), value, f"the header {field}"))
    # As text, "sha512" is greater than "sha256".
    return max(found, key=lambda one: one.algorithm, default=None)


def parse_checksum_file(text: str, claimed_by: str) -> Digest:
    """Return the SHA-256 in the first word of a checksum file. Raises `SourceError`."""
    words = text.split()
    if not words or not re.fullmatch(r"[0-9a-fA-F]{64}", words[0]):
        raise SourceError(f"{claimed_by} holds no SHA-256")
    return Digest("sha256", bytes.fromhex(words[0]), claimed_by)


@contextmanager
def open_delivery(
    stream: io.RawIOBase,
    name: str,
    find_format: Callable[[str], ListFormat],
    mapping: MappingSettings | None,
    *,
    digest: Digest | None = None,
    at_end: Callable[[], None] = lambda: None,
) -> Iterator[Delivery]:
    """Yield the full delivery in a file of that name, which may be packed.

    Raises `SourceError` at the end of a delivery that does not match `digest`; `at_end` may raise
    it, too. Raises `ListFileError` as `unpacked` does, and `InputError` for an unknown format.
    """
    verified = _VerifiedStream(stream, digest) if digest else stream
    with unpacked(verified, name) as file:
        list_format = find_format(file.name)
        rows = _rows(list_format.read_to_end(file.stream, mapping), verified, at_end)
        yield Delivery(rows, list_format.unit)


def _rows(rows: Iterator[Row], verified: io.RawIOBase, at_end: Callable[[], None]) -> Iterator[Row]:
    yield from rows
    # What is packed may end before the end of the file, where the digest is checked.
    while verified.read(_BLOCK_BYTES):
        pass
    at_end()


class _VerifiedStream(io.RawIOBase):
    """Stream that raises `SourceError` at its end unless it matches its digest."""

    def __init__(self, stream: io.RawIOBase, digest: Digest) -> None:
        self._stream = stream
        self._digest = digest
        self._hash = hashlib.new(digest.algorithm)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size: int = self._stream.readinto(buffer)
        self._hash.update(memoryview(buffer)[:size])
        if not size and self._hash.digest() != self._digest.value:
            raise SourceError(
                f"the delivery does not match {self._digest.claimed_by}",
                hint="It is incomplete, or the checksum is of another delivery.",
            )
        return size
