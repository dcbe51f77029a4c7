"""Log of significant actions: records, the batches that they are written in, and their chain.

A record is written in the transaction of the action it describes, or not at all, and never changed.
It is in a batch at first, which takes no lock that others wait for. Sealing numbers it: its hash is
then the SHA-256 of the previous hash and of `chained_text`. Rows of tables that name `audited`
columns are bound to the log: their newest record holds a hash of their state.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, insert, select
from sqlalchemy.orm import Mapper, Session, object_session

from hashmatch.errors import StoreError

from ..schema import AuditBatch, Audited, AuditHead, Base, require_text, utc_now
from .batches import batch_text, signed_batch
from .chaining import bound_values, moment_text, state_hash
from .statements import as_table

_PENDING = "audit records to come"
_AUDIT_ID = "audit id of this transaction"
_AUDIT_ID_BITS = 63
# Sealing a batch takes one transaction, which others may have to wait for.
RECORDS_A_BATCH = 250
_encode_facts = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Seal:
    """A signing key: its id, its signing function, and the verification of signatures.

    `is_signed` says of a key id, a signature and the bytes signed whether the signature is one of a
    key that is trusted.
    """

    key_id: str
    sign: Callable[[bytes], bytes]
    is_signed: Callable[[str, bytes, bytes], bool]


@dataclass(slots=True)
class _Pending:
    """A record to come; of a row that is an object, key and state are those at the end."""

    action: str
    subject: str
    row: Audited | None
    key: int | None
    facts: str
    state: bytes | None = None

    def values(self) -> list[object]:
        """Return action, subject, key, facts and state hash as they are written."""
        if self.row is not None:
            self.key = row_key(self.row)
            self.state = state_hash(*audited_values(self.row))
        state = None if self.state is None else self.state.hex()
        return [self.action, self.subject, self.key, self.facts, state]


def audit_id(session: Session) -> int:
    """Return the random number of this transaction, the `audit_id` of the rows that it audits.

    Rows that are objects get it by themselves.
    """
    number: int | None = session.info.get(_AUDIT_ID)
    if number is None:
        number = session.info[_AUDIT_ID] = secrets.randbits(_AUDIT_ID_BITS)
    return number


def audit(
    session: Session,
    action: str,
    row: Audited | None,
    facts: Mapping[str, object],
    *,
    removed: tuple[str, int] | None = None,
) -> None:
    """Record an action at the end of this transaction, about a row in its state then.

    Or about one that is `removed`, by table and key. `facts` have to be JSON-serialisable.
    """
    subject = "" if row is None else row.__tablename__
    key = None
    if row is not None and row.audit_id != (own := audit_id(session)):
        row.audit_id = own
    if removed is not None:
        subject, key = removed
    pending = _Pending(action, subject, row, key, facts_text(facts))
    session.info.setdefault(_PENDING, []).append(pending)


def audit_rows(
    session: Session,
    action: str,
    table: type[Audited],
    rows: Sequence[Mapping[str, Any]],
    facts: Sequence[Mapping[str, object]],
) -> None:
    """Record an action about each of these rows, which were inserted without objects.

    A row has the values of all audited columns by name, as they are read back, and was inserted
    with `audit_id(session)` as its `audit_id`. The facts are in the order of the rows.
    """
    own, name, names = audit_id(session), table.__tablename__, table.audited
    pending = session.info.setdefault(_PENDING, [])
    for row, of_row in zip(rows, facts, strict=True):
        values = [row[one] for one in names]
        state = state_hash(name, bound_values(values, own))
        text = facts_text(of_row)
        pending.append(_Pending(action, name, None, values[0], text, state))


@event.listens_for(Audited, "before_insert", propagate=True)
def _name_transaction(_mapper: Mapper[Any], _connection: object, row: Audited) -> None:
    # What is inserted is also recorded in the same transaction: no later update is needed then.
    session = object_session(row)
    if session is not None:
        row.audit_id = audit_id(session)


def facts_text(facts: Mapping[str, object]) -> str:
    """Return facts as they are written: a JSON object in ASCII, without any space."""
    return _encode_facts(dict(facts))


def write_batches(session: Session, actor: str, seal: Seal | None) -> bool:
    """Write the records of this transaction, as the last step before it is committed.

    Says whether there were any. Raises `InputError` for an actor that no database can hold.
    """
    pending: list[_Pending] = session.info.pop(_PENDING, [])
    if not pending:
        return False
    require_text(actor)
    # Rows that the records are about are locked from here on, so that the keys of batches are in
    # the order in which such a row changed.
    session.flush()
    after = read_end(session)
    rows = []
    for start in range(0, len(pending), RECORDS_A_BATCH):
        values = [one.values() for one in pending[start : start + RECORDS_A_BATCH]]
        at = _next_moment()
        text = batch_text(after, moment_text(at), actor, values)
        records_hash = hashlib.sha256(text.encode()).digest()
        signature = None if seal is None else seal.sign(signed_batch(records_hash))
        rows.append(
            {
                "at": at,
                "size": len(values),
                "records": text,
                "records_hash": records_hash,
                "key_id": "" if seal is None else seal.key_id,
                "signature": signature,
            }
        )
    session.execute(insert(as_table(AuditBatch)), rows)
    return True


_END = select(as_table(AuditHead).c.number)


def read_end(session: Session) -> int:
    """Return the number of the last sealed record. Raises `StoreError` where none is known."""
    number: int | None = session.scalar(_END)
    if number is None:
        raise StoreError(
            "the audit chain has no end to continue from",
            hint="It was removed: restore the database from a backup.",
        )
    return number


_last_moment = datetime.min.replace(tzinfo=UTC)
_moment_lock = threading.Lock()


def _next_moment() -> datetime:
    """Return the time now, later than any returned before: it tells batches of a process apart."""
    global _last_moment
    with _moment_lock:
        _last_moment = max(utc_now(), _last_moment + timedelta(microseconds=1))
        return _last_moment


def audited_values(row: Audited) -> tuple[str, list[object]]:
    """Return the table of a row, and its values that are bound to the log."""
    values = [getattr(row, name) for name in row.audited]
    return row.__tablename__, bound_values(values, row.audit_id)


def row_key(row: Base) -> int:
    """Return the key of an audited row, which is the first of its bound values."""
    key: int = getattr(row, row.audited[0])
    return key
