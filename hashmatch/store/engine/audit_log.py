"""Hash-chained log of significant actions.

A record is written in the transaction of the action it describes, or not at all, and never changed.
Its hash is the SHA-256 of the previous hash and of `chained_text`. Rows of tables that name
`audited` columns are bound to the chain: their newest record holds a hash of their state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError

from ..schema import AuditCheckpoint, AuditHead, AuditRecord, Base, utc_now

FIRST_HASH = bytes(32)
_PENDING = "audit records to come"
_RECORDS_A_BATCH = 1_000
# The newest record is signed; earlier signatures are stored at this distance.
_RECORDS_A_CHECKPOINT = 1_000


@dataclass(frozen=True, slots=True)
class Seal:
    """A signing key: its id, and its signing function."""

    key_id: str
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class _Pending:
    action: str
    subject: str
    row: Base | None
    key: int | None
    facts: str


def audit(
    session: Session,
    action: str,
    row: Base | None,
    facts: Mapping[str, object],
    *,
    removed: tuple[str, int] | None = None,
) -> None:
    """Record an action at the end of this transaction, about a row in its state then.

    Or about one that is `removed`, by table and key. `facts` have to be JSON-serialisable.
    """
    subject = "" if row is None else row.__tablename__
    key = None
    if removed is not None:
        subject, key = removed
    text = json.dumps(dict(facts), sort_keys=True, separators=(",", ":"))
    session.info.setdefault(_PENDING, []).append(_Pending(action, subject, row, key, text))


def append_pending(session: Session, actor: str, seal: Seal | None) -> None:
    """Write the records of this transaction, as the last step before it is committed.

    Other transactions with records wait from here until then, so that the chain never forks.
    """
    pending: list[_Pending] = session.info.pop(_PENDING, [])
    if not pending:
        return
    session.flush()
    head = _lock_head(session)
    number, latest = head.number, head.record_hash
    rows = []
    for one in pending:
        number += 1
        row: dict[str, Any] = {
            "number": number,
            "at": utc_now(),
            "actor": actor,
            "action": one.action,
            "subject": one.subject,
            "subject_key": one.key if one.row is None else row_key(one.row),
            "facts": one.facts,
            "state_hash": None if one.row is None else state_hash(*audited_values(one.row)),
        }
        latest = row["record_hash"] = chain(latest, **row)
        rows.append(row)
    for start in range(0, len(rows), _RECORDS_A_BATCH):
        session.execute(insert(AuditRecord), rows[start : start + _RECORDS_A_BATCH])
    if number // _RECORDS_A_CHECKPOINT > head.number // _RECORDS_A_CHECKPOINT:
        _keep_checkpoint(session, head)
    head.number, head.record_hash = number, latest
    head.signed_at, head.key_id, head.signature = None, "", None
    if seal is not None:
        head.signed_at, head.key_id = utc_now(), seal.key_id
        head.signature = seal.sign(signed_text(number, latest, head.signed_at))
    session.flush()


def _lock_head(session: Session) -> AuditHead:
    query = select(AuditHead).with_for_update().execution_options(populate_existing=True)
    if (head := session.scalar(query)) is None:
        raise StoreError(
            "the audit chain has no end to continue from",
            hint="It was removed: restore the database from a backup.",
        )
    return head


def _keep_checkpoint(session: Session, head: AuditHead) -> None:
    """Store the signature over the former end of the chain, if there is one."""
    if head.signature is not None and head.signed_at is not None:
        session.add(
            AuditCheckpoint(
                number=head.number,
                record_hash=head.record_hash,
                signed_at=head.signed_at,
                key_id=head.key_id,
                signature=head.signature,
            )
        )


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
    return json.dumps(values, separators=(",", ":")).encode()


def signed_text(number: int, record_hash: bytes, signed_at: datetime) -> bytes:
    """Return the text that is signed for an end of the chain."""
    values = ["hashmatch audit", number, record_hash.hex(), moment_text(signed_at)]
    return chained_text(values)


def moment_text(moment: datetime) -> str:
    """Return a moment as it is hashed: ISO 8601 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def audited_values(row: Base) -> tuple[str, list[object]]:
    """Return the table of a row, and its values that are bound to the chain."""
    return row.__tablename__, [getattr(row, name) for name in row.audited]


def row_key(row: Base) -> int:
    """Return the key of an audited row, which is the first of its bound values."""
    key: int = getattr(row, row.audited[0])
    return key


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
