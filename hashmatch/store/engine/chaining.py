"""Texts and hashes of the audit log, as docs/audit.md describes them for outsiders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime

FIRST_HASH = bytes(32)
# Made once: json.dumps would make one for each text.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def chain(
    previous: bytes,
    *,
    number: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    subject_key: int | None,
    facts: str,
    state_hash: bytes | None,
) -> bytes:
    """Return the hash of a record: SHA-256 of the previous one and these values, in this order."""
    state = None if state_hash is None else state_hash.hex()
    values = [number, moment_text(at), actor, action, subject, subject_key, facts, state]
    return hashlib.sha256(previous + chained_text(values)).digest()


def chained_text(values: Sequence[object]) -> bytes:
    """Return values as they are hashed: a JSON array in ASCII without any space."""
    return _encode(values).encode()


def signed_text(number: int, record_hash: bytes, signed_at: datetime) -> bytes:
    """Return the text that is signed for an end of the chain."""
    values = ["hashmatch audit", number, record_hash.hex(), moment_text(signed_at)]
    return chained_text(values)


def moment_text(moment: datetime) -> str:
    """Return a moment as it is hashed: ISO 8601 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def bound_values(values: Sequence[object], audit_id: int | None) -> list[object]:
    """Return what a state is of: the audited values, and the `audit_id` of a row that has one."""
    return [*values] if audit_id is None else [*values, audit_id]


def state_hash(table: str, values: Sequence[object]) -> bytes:
    """Return the hash of a row's state: SHA-256 of its table and its audited values."""
    return hashlib.sha256(chained_text([table, *map(_plain, values)])).digest()


def _plain(value: object) -> object:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return moment_text(value)
        case date():
            return value.isoformat()
        case _:
            return value
