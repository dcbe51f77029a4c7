"""Batches of audit records: how a transaction writes its records, and how that is verified.

The text is the JSON array `[label, after, at, actor, records]`. `after` is the number of the last
sealed record when it was written, so that a batch can only have been sealed after it; a record is
the array `[action, subject, subject_key, facts, state_hash]`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from .chaining import chained_text, moment_text

_LABEL = "hashmatch audit batch"
_ACTION_CHARACTERS, _SUBJECT_CHARACTERS, _STATE_CHARACTERS = 64, 32, 64
_KEYS = range(-(2**63), 2**63)

# Says of a key id, a signature and the bytes signed whether a trusted key signed them.
IsSigned = Callable[[str, bytes, bytes], bool]


class BatchRecord(NamedTuple):
    """One record of a batch; the state hash is in hexadecimal."""

    action: str
    subject: str
    subject_key: int | None
    facts: str
    state_hash: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one transaction, in its order; `after` is a number that they come after."""

    after: int
    at: datetime
    actor: str
    records: Sequence[BatchRecord]

    def subjects(self) -> Iterator[tuple[str, int]]:
        """Yield the table and key of each row that the records are about."""
        for one in self.records:
            if one.subject_key is not None:
                yield one.subject, one.subject_key

    def identity(self) -> bytes:
        """Return what tells the batch from every other one, also among sealed records."""
        return identity(moment_text(self.at), self.actor, self.records[0])


class StoredBatch(NamedTuple):
    """A batch as it stands in the database."""

    key: int
    at: datetime
    size: int
    records: str
    records_hash: bytes
    key_id: str
    signature: bytes | None

    def problem(self, is_signed: IsSigned | None) -> str:
        """Return what is wrong with the text or its signature; empty where nothing is.

        Without `is_signed` no signature is asked for.
        """
        if hashlib.sha256(self.records.encode()).digest() != self.records_hash:
            return "changed"
        if is_signed is None:
            return ""
        if self.signature is None:
            return "not signed"
        is_good = is_signed(self.key_id, self.signature, signed_batch(self.records_hash))
        return "" if is_good else "not signed by any of the keys"

    def parse(self) -> Batch | None:
        """Return the records, None for a text that no program here wrote."""
        try:
            batch = _parse(self.records)
        except (ValueError, TypeError, RecursionError):
            return None
        return batch if (batch.at, len(batch.records)) == (self.at, self.size) else None


def batch_text(after: int, at: str, actor: str, records: Sequence[Sequence[object]]) -> str:
    """Return the text of a batch."""
    return chained_text([_LABEL, after, at, actor, records]).decode()


def signed_batch(records_hash: bytes) -> bytes:
    """Return the bytes that are signed for a batch, given the hash of its text."""
    return chained_text([_LABEL, records_hash.hex()])


def identity(at: str, actor: str, record: Sequence[object]) -> bytes:
    """Return what tells a batch from all others, given its first record.

    No process writes two batches at one microsecond, and where two processes do, the state of a row
    differs by its `audit_id`.
    """
    return hashlib.sha256(chained_text([at, actor, *record])).digest()


def _parse(text: str) -> Batch:
    """Return the records of a text; raises `ValueError` or `TypeError` for any other text.

    They are written to columns later, so that one that does not fit would stop all sealing.
    """
    label, after, at_text, actor, records = json.loads(text)
    at = datetime.fromisoformat(at_text)
    parsed = [BatchRecord(*one) for one in records]
    is_sound = (
        label == _LABEL
        and type(after) is int
        and after in _KEYS
        and moment_text(at) == at_text
        and _is_text(actor)
        and parsed
        and all(map(_is_sound, parsed))
        # Nothing else may mean the same, such as other spaces or a name given twice.
        and batch_text(after, at_text, actor, records) == text
    )
    if not is_sound:
        raise ValueError("not a batch of audit records")
    return Batch(after, at, actor, parsed)


def _is_sound(one: BatchRecord) -> bool:
    return (
        _is_text(one.action, _ACTION_CHARACTERS)
        and _is_text(one.subject, _SUBJECT_CHARACTERS)
        and (one.subject_key is None or (type(one.subject_key) is int and one.subject_key in _KEYS))
        and _is_text(one.facts)
        and (one.state_hash is None or _is_hash(one.state_hash))
    )


def _is_text(value: Any, max_characters: int | None = None) -> bool:
    if not isinstance(value, str) or "\0" in value:
        return False
    value.encode()  # Raises `ValueError` for an unpaired surrogate.
    return max_characters is None or len(value) <= max_characters


def _is_hash(value: Any) -> bool:
    return (
        isinstance(value, str)
        and len(value) == _STATE_CHARACTERS
        and bytes.fromhex(value).hex() == value
    )
