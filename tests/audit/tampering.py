"""Random changes of a database, each of one value, row or order that the audit log protects."""

from __future__ import annotations

import random
import sqlite3
from typing import Any

from hashmatch.store.schema import AuditCheckpoint, AuditHead, AuditRecord, Base


def _tables() -> list[type[Base]]:
    audited = [one.class_ for one in Base.registry.mappers if one.class_.audited]
    return [AuditRecord, AuditHead, AuditCheckpoint, *audited]


def _columns(table: type[Base]) -> list[str]:
    """Return what of a table is protected: of the chain all, of others what is audited."""
    if table.audited:
        return list(table.audited)
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
        kind = chance.choice(["edit", "edit", "delete", "insert", "swap"])
        values = dict(
            raw.execute(f"SELECT rowid, {column} FROM {name} WHERE rowid IN (?, ?)", (one, two))
        )
        update = f"UPDATE {name} SET {column} = ? WHERE rowid = ?"
        try:
            if kind == "edit":
                raw.execute(update, (_other(values[one], chance), one))
            elif kind == "delete":
                raw.execute(f"DELETE FROM {name} WHERE rowid = ?", (one,))
            elif kind == "insert":
                raw.execute(_insertion(table), (one,))
            elif len(values) < 2 or values[one] == values[two]:
                continue
            else:
                raw.execute(update, (values[two], one))
                raw.execute(update, (values[one], two))
        except sqlite3.IntegrityError:
            raw.rollback()
            continue
        raw.commit()
        return f"{kind} {name}.{column} {one} {two}"


def _insertion(table: type[Base]) -> str:
    """Return what inserts a row that is like another one, but for what has to be its own."""
    name, names = table.__tablename__, [one.name for one in table.__table__.columns]
    key = table.__table__.primary_key.columns.values()[0].name  # type: ignore[attr-defined]
    other = {"name": "name || 'x'", "token_id": "token_id || 'x'", key: "10000"}
    if name == "contents":
        other["content_id"] = "content_id || 'x'"
    if name == "cases":
        other["content_key"] = "20000"
    if name in ("matches", "allowed_matches"):
        other["entry_key"] = "20000"
    values = ", ".join(other.get(one, one) for one in names)
    return f"INSERT INTO {name} ({', '.join(names)}) SELECT {values} FROM {name} WHERE rowid = ?"
