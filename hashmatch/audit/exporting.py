"""Export of the audit log as a file that outsiders can verify, as docs/audit.md describes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from hashmatch._version import __version__
from hashmatch.store.engine import (
    moment_text,
    read_audit_checkpoints,
    read_audit_head,
    read_batches,
    read_sealed_records,
)
from hashmatch.store.lists import read_store_id
from hashmatch.store.schema import AuditCheckpoint, AuditHead

_FORMAT = "hashmatch audit chain 1"


def export_chain(session: Session, public_key: str | None) -> Iterator[str]:
    """Yield the log as JSON Lines.

    A header, every sealed record, every checkpoint, every batch that is not sealed, and the end.
    """
    header = {"format": _FORMAT, "store": read_store_id(session), "public_key": public_key}
    yield _line("chain", {**header, "written_by": f"hashmatch {__version__}"})
    for record in read_sealed_records(session):
        yield _line("record", record)
    for checkpoint in read_audit_checkpoints(session):
        yield _line("checkpoint", _facts(checkpoint))
    for batch in read_batches(session):
        signature = None if batch.signature is None else base64.b64encode(batch.signature).decode()
        yield _line("batch", {**batch._asdict(), "signature": signature})
    if (head := read_audit_head(session)) is not None:
        yield _line("end", _facts(head))


def _facts(one: AuditCheckpoint | AuditHead) -> dict[str, Any]:
    signature = None if one.signature is None else base64.b64encode(one.signature).decode()
    return {
        "number": one.number,
        "record_hash": one.record_hash,
        "signed_at": one.signed_at,
        "key_id": one.key_id,
        "signature": signature,
    }


def _line(kind: str, facts: dict[str, Any]) -> str:
    return json.dumps({"kind": kind, **facts}, default=_plain) + "\n"


def _plain(value: Any) -> str:
    # Moments in the form in which the chain hashes them, so that outsiders can do the same.
    return value.hex() if isinstance(value, bytes) else moment_text(value)
