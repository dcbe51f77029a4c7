"""Requests for screening: an image by the platform's own names, and what may be stored of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from hashmatch.errors import InputError
from hashmatch.hashes import FILE_HASH, Hash
from hashmatch.imaging import Reading
from hashmatch.store.matches import ContentFacts


@dataclass(frozen=True, slots=True)
class Query:
    """Hashes of one image that were computed elsewhere, and the platform's names for it."""

    hashes: tuple[Hash, ...]
    content_id: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in memory, such as a generated one, and the platform's names for it."""

    picture: Image.Image
    content_id: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class LookupHashes:
    """Hashes of a file for a later look-up, and whether they match each list that the file does."""

    hashes: tuple[Hash, ...]
    suffice: bool


@dataclass(frozen=True, slots=True)
class Request:
    """One image on its way to a verdict; `started_s` is on the clock of `time.perf_counter`."""

    content_id: str
    reference: str
    started_s: float

    def elapsed_ms(self) -> float:
        """Return the time since the request was opened."""
        return (time.perf_counter() - self.started_s) * 1000


def open_request(content_id: str, reference: str) -> Request:
    """Return a request that starts now. Raises `InputError` for names that cannot be stored."""
    if not content_id or not _is_storable(content_id) or not _is_storable(reference):
        raise InputError(
            "the content id is empty, or it or the reference is not Unicode text",
            hint="Give the name under which the platform knows the image.",
        )
    return Request(content_id, reference, time.perf_counter())


def require_hashes(queries: Sequence[Query]) -> None:
    """Raise `TypeError` for what is no hash."""
    for query in queries:
        for one in query.hashes:
            if not isinstance(one, Hash):
                raise TypeError(
                    f"a {type(one).__name__} is no hash: give objects of hashmatch.hashes.Hash,"
                    " such as Hash(ALGORITHMS['pdq'], bytes.fromhex(value))"
                )


def anonymous_content_id(*hashes: Hash) -> str:
    """Return a content id that is the same for the same hashes, and does not reveal them."""
    parts = sorted({one.algorithm.name.encode() + one.value for one in hashes})
    return f"lookup:{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}"


def content_facts(request: Request, reading: Reading) -> ContentFacts:
    """Return everything that is stored of an image that matched."""
    return ContentFacts(
        content_id=request.content_id,
        reference=request.reference,
        fingerprint=_fingerprint(reading.hashes),
        media=reading.media,
        hashes=reading.hashes,
        provenance=reading.provenance,
    )


def _is_storable(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    # Python text may hold unpaired surrogates and zero characters, which no database accepts.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _fingerprint(hashes: Sequence[Hash]) -> bytes:
    """Return the SHA-256 of the content, or without one, or with several, that of its hashes."""
    files = {one.value for one in hashes if one.algorithm.name == FILE_HASH}
    if len(files) == 1:
        return files.pop()
    parts = sorted({one.algorithm.name.encode() + b":" + one.value for one in hashes})
    return hashlib.sha256(b"".join(parts)).digest()
