"""Random changes of a database, each of one value, row or order that the audit log protects."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hashmatch.store.engine import Batch, StoredBatch
from hashmatch.store.schema import (
    AuditBatch,
    AuditCheckpoint,
    AuditHead,
    AuditRecord,
    Base,
)


def _tables() -> list[type[Base]]:
    audited = [one.class_ for one in Base.registry.mappers if one.class_.audited]
    return [AuditRecord, AuditHead, AuditCheckpoint, AuditBatch, AuditBatch, *audited]


def _columns(table: type[Base]) -> list[str]:
    """Return what of a table is protected: of the chain all, of others what is audited."""
    if table.audited:
        return [*table.audited, "audit_id"]
    return [one.name for one in table.__table__.columns if one.name != "key"]


def _other(value: Any, chance: random.Random) -> Any:
    """Return another value of the kind."""
    match value:
        case None:
            return chance.choice([1, b"x"])
        case bytes():
            place = chance.randrange(len(value))
            return (
                value[:place]
                + bytes([value[place] ^ 1 << chance.randrange(8)])
                + value[place + 1 :]
            )
        case int():
            return value + chance.choice([-1, 1, 1000])
        case str():
            moved = "".join(sorted(value, reverse=True))
            return chance.choice([value + "x", "2001-01-01 00:00:00.000000", moved + "0"])
    raise AssertionError(type(value))


def tamper(raw: sqlite3.Connection, chance: random.Random) -> str:
    """Change one thing of the database in a way that leaves it a database; says which."""
    while True:
        table = chance.choice(_tables())
        name, column = table.__tablename__, chance.choice(_columns(table))
        rows = [row[0] for row in raw.execute(f"SELECT rowid FROM {name}")]
        if not rows:
            continue
        one, two = chance.choice(rows), chance.choice(rows)
        kind = chance.choice(["edit", "edit", "delete", "insert", "swap", "copy", "order"])
        statements = list(_statements(raw, table, column, kind, (one, two), chance))
        try:
            for statement, values in statements:
                raw.execute(statement, values)
        except sqlite3.IntegrityError:
            raw.rollback()
            continue
        raw.commit()
        if statements:
            return f"{kind} {name}.{column} {one} {two}"


def _statements(
    raw: sqlite3.Connection,
    table: type[Base],
    column: str,
    kind: str,
    rows: tuple[int, int],
    chance: random.Random,
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what does it, nothing where it would change nothing."""
    name, (one, two) = table.__tablename__, rows
    of_rows = f"SELECT rowid, {column} FROM {name} WHERE rowid IN (?, ?)"
    values = dict(raw.execute(of_rows, rows))
    update = f"UPDATE {name} SET {column} = ? WHERE rowid = ?"
    differ = len(values) == 2 and values[one] != values[two]
    match kind:
        case "edit":
            yield update, (_other(values[one], chance), one)
        case "delete":
            yield f"DELETE FROM {name} WHERE rowid = ?", (one,)
        case "insert":
            yield _insertion(table), (one,)
        case "swap" | "copy" if differ:
            yield update, (values[two], one)
            if kind == "swap":
                yield update, (values[one], two)
        case "order" if table is AuditBatch and _share_a_row(raw, one, two):
            for old, new in ((one, -1), (two, one), (-1, two)):
                yield f"UPDATE {name} SET key = ? WHERE key = ?", (new, old)


def _share_a_row(raw: sqlite3.Connection, one: int, two: int) -> bool:
    """Say whether two batches have records about one row: any order of others is as good."""
    if one == two:
        return False
    rows = [set(_batch(raw, key).subjects()) for key in (one, two)]
    return not rows[0].isdisjoint(rows[1])


def _batch(raw: sqlite3.Connection, key: int) -> Batch:
    row = raw.execute("SELECT * FROM audit_batches WHERE key = ?", (key,)).fetchone()
    at = datetime.fromisoformat(row[1]).replace(tzinfo=UTC)
    batch = StoredBatch(row[0], at, *row[2:]).parse()
    assert batch is not None
    return batch


def _insertion(table: type[Base]) -> str:
    """Return what inserts a row that is like another one, but for what has to be its own."""
    name, names = table.__tablename__, [one.name for one in table.__table__.columns]
    key = table.__table__.primary_key.columns.values()[0].name  # type: ignore[attr-defined]
    other = {"name": "name || 'x'", "token_id": "token_id || 'x'", key: "10000"}
    if name == "contents":
        other["content_id"] = "content_id || 'x'"
    if name == "cases":
        other["content_key"] = "20000"
        other["content_id"] = "content_id || 'x'"
    if name in ("matches", "allowed_matches"):
        other["entry_key"] = "20000"
    values = ", ".join(other.get(one, one) for one in names)
    return f"INSERT INTO {name} ({', '.join(names)}) SELECT {values} FROM {name} WHERE rowid = ?"
