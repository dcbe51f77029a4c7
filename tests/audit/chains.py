"""A chain and its unsealed batches as tests look at them, and change them behind its back."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import select

from hashmatch.audit import Verification, public_keys, verify
from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.schema import AuditBatch


def verified(store: Database, settings: Settings | None = None) -> Verification:
    with store.reading() as session:
        return verify(session, {} if settings is None else public_keys(settings))


def places(found: Verification) -> set[str]:
    return {one.place for one in found.problems}


def batches_of(store: Database) -> list[dict[str, Any]]:
    with store.reading() as session:
        rows = session.execute(select(AuditBatch.__table__).order_by(AuditBatch.key))
        return [dict(one._mapping) for one in rows]


def change(store: Database, *statements: Any) -> None:
    """Do something to the database that leaves no record."""
    with store.connection() as connection, connection.begin():
        for one in statements:
            connection.execute(one)


def hash_of(words: str) -> bytes:
    return hashlib.sha256(words.encode()).digest()
