"""What is screened: an image by the platform's own names, and what may be kept of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hashmatch.errors import InputError
from hashmatch.hashes import Hash
from hashmatch.imaging import Reading
from hashmatch.matching import WHOLE_FILE
from hashmatch.store.matches import ContentFacts


@dataclass(frozen=True, slots=True)
class Query:
    """Hashes of one image that were computed elsewhere, and the platform's names for it."""

    hashes: tuple[Hash, ...]
    content_id: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is being screened, and since when."""

    content_id: str
    reference: str
    started_s: float

    def elapsed_ms(self) -> float:
        """Return for how long it has been screened."""
        return (time.perf_counter() - self.started_s) * 1000


def begin(content_id: str, reference: str) -> Subject:
    """Return what begins to be screened now. Raises `InputError` for names that nobody can keep."""
    if not content_id or not _is_storable(content_id) or not _is_storable(reference):
        raise InputError(
            "the content id is empty, or it or the reference is not Unicode text",
            hint="Give the name under which the platform knows the image.",
        )
    return Subject(content_id, reference, time.perf_counter())


def anonymous_content_id(one: Hash) -> str:
    """Return a name under which the same hash is recorded once, and which does not show it."""
    mark = hashlib.sha256(one.algorithm.name.encode() + one.value).hexdigest()
    return f"lookup:{mark[:16]}"


def content_facts(subject: Subject, reading: Reading) -> ContentFacts:
    """Return what is kept of an image that matched."""
    return ContentFacts(
        content_id=subject.content_id,
        reference=subject.reference,
        fingerprint=_fingerprint(reading.hashes),
        media=reading.media,
        hashes=reading.hashes,
    )


def _is_storable(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    # Python text may hold halves of characters, and zero bytes, which no database takes.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _fingerprint(hashes: Sequence[Hash]) -> bytes:
    """Return the SHA-256 of the content, or where that was not given, one of its hashes."""
    for one in hashes:
        if one.algorithm.name == WHOLE_FILE:
            return one.value
    parts = sorted(one.algorithm.name.encode() + b":" + one.value for one in hashes)
    return hashlib.sha256(b"".join(parts)).digest()
