"""Statements that the two databases write differently."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import sqlalchemy.dialects.sqlite as sqlite_dialect
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Insert,
    Result,
    String,
    Table,
    Text,
    TypeDecorator,
    UpdateBase,
    any_,
    bindparam,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from ..schema import Base

if TYPE_CHECKING:
    import sqlalchemy.dialects.postgresql as postgresql_dialect

_ROWS = "rows of values"
Upsert: TypeAlias = "sqlite_dialect.Insert | postgresql_dialect.Insert"


def is_sqlite(session: Session) -> bool:
    """Say whether the session is one of SQLite, where one writer at a time is the rule."""
    return session.get_bind().dialect.name == "sqlite"


def overwrite_deleted(session: Session) -> None:
    """Let SQLite overwrite what this connection deletes; PostgreSQL is vacuumed afterwards.

    Not set always: it costs an import a tenth of its speed.
    """
    if is_sqlite(session):
        session.execute(text("PRAGMA secure_delete = ON"))


def as_table(table: type[Base]) -> Table:
    """Return a table for statements of many rows, which cost a third less than with objects."""
    return cast("Table", table.__table__)


def upsert(session: Session, table: type[Base]) -> Upsert:
    """Return an insertion that may say what to do where the row is there already.

    Several writers may insert the same row at once, so that looking before is not enough.
    """
    return upsert_into(as_table(table), is_sqlite=is_sqlite(session))


def upsert_into(table: Table, *, is_sqlite: bool) -> Upsert:
    """Return such an insertion for a database; one that is kept is compiled once."""
    if is_sqlite:
        return sqlite_dialect.insert(table)
    # Takes as long to load as all of a help page, and most installations do without it.
    import sqlalchemy.dialects.postgresql as postgresql_dialect

    return postgresql_dialect.insert(table)


def among(
    session: Session, column: Any, values: Collection[int] | Collection[str]
) -> ColumnElement[bool]:
    """Return the condition that a key or text is among some, as one value however many they are.

    A list of values makes another statement of each number of them, to be compiled each time.
    """
    every = list(values)
    if is_sqlite(session):
        each = func.json_each(json.dumps(every)).table_valued("value")
        return cast("ColumnElement[bool]", column.in_(select(each.c.value)))
    kind = Text() if isinstance(column.type, String) else BigInteger()
    return cast("ColumnElement[bool]", column == any_(literal(every, ARRAY(kind))))


class _Values(TypeDecorator[Sequence[Any]]):
    """Texts or numbers as one value: an array, or on SQLite a JSON text."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: TypeEngine[Any]) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the value as the database takes it."""
        return Text() if dialect.name == "sqlite" else dialect.type_descriptor(ARRAY(self.kind))

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        """Return the value as the driver takes it."""
        every = list(value or ())
        return json.dumps(every) if dialect.name == "sqlite" else every


def among_named(column: Any, name: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    """Return the same condition for a statement that is kept, with values to be given by a name."""
    kind = Text() if isinstance(column.type, String) else BigInteger()
    values = bindparam(name, type_=_Values(kind))
    if not is_sqlite:
        return cast("ColumnElement[bool]", column == any_(values))
    each = func.json_each(values).table_valued("value")
    return cast("ColumnElement[bool]", column.in_(select(each.c.value)))


def ignoring(connection: Connection, table: Table | type[Base]) -> Upsert:
    """Return an insertion that leaves out rows that would repeat a key.

    One from a selection has to have a condition, where SQLite begins to read the clause.
    """
    chosen = table if isinstance(table, Table) else as_table(table)
    is_sqlite = connection.dialect.name == "sqlite"
    return upsert_into(chosen, is_sqlite=is_sqlite).on_conflict_do_nothing()


def insert_rows(
    session: Session, new: Insert, rows: Sequence[Mapping[str, Any]]
) -> Result[*tuple[Any, ...]]:
    """Execute an insertion that is kept, of rows that name the same columns; returns its result.

    On PostgreSQL the values of a column are one array. A text with a place for each of thousands of
    values takes driver and server longer to read than it takes to insert them.
    """
    if is_sqlite(session):
        return session.execute(new, rows)
    names = tuple(rows[0])
    arrays = {name: [row[name] for row in rows] for name in names}
    return session.execute(_from_arrays(new, names), arrays)


def insert_alike(
    session: Session,
    new: Insert,
    common: Mapping[str, Any],
    names: tuple[str, ...],
    rows: Sequence[tuple[str | int | None, ...]],
) -> None:
    """Execute an insertion that is kept, of rows with these values in common.

    What `names` are of differs, and is texts and numbers alone. On SQLite they are one JSON text,
    since each value that the driver is given costs more than to insert it: rows of eleven took 26
    µs each, as tuples that the driver was given directly 12, and take 9.
    """
    statement = _with_common(new, tuple(common), names, is_sqlite=is_sqlite(session))
    own: dict[str, Any]
    if is_sqlite(session):
        own = {_ROWS: json.dumps(rows)}
    else:
        own = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    session.execute(statement, {**common, **own})


@lru_cache(maxsize=64)
def _with_common(
    new: Insert, common: tuple[str, ...], names: tuple[str, ...], *, is_sqlite: bool
) -> Insert:
    table = cast("Table", new.table)
    own: list[ColumnElement[Any]]
    if is_sqlite:
        row = func.json_each(bindparam(_ROWS, type_=Text())).table_valued("value").c.value
        own = [func.json_extract(row, f"$[{number}]") for number in range(len(names))]
    else:
        own = _columns_of_arrays(table, names)
    shared = [bindparam(one, type_=table.c[one].type) for one in common]
    return new.from_select([*names, *common], select(*own, *shared))


@lru_cache(maxsize=64)
def _from_arrays(new: Insert, names: tuple[str, ...]) -> Insert:
    return new.from_select(names, select(*_columns_of_arrays(cast("Table", new.table), names)))


def _columns_of_arrays(table: Table, names: tuple[str, ...]) -> list[ColumnElement[Any]]:
    arrays = [bindparam(name, type_=ARRAY(_item_type(table.c[name]))) for name in names]
    values = func.unnest(*arrays).table_valued(*names).render_derived()
    return [values.c[name] for name in names]


def _item_type(column: Column[Any]) -> TypeEngine[Any]:
    # A cast to a length would cut what is too long, where the column itself refuses it.
    return Text() if isinstance(column.type, String) else column.type


def affected_rows(session: Session, statement: UpdateBase) -> int:
    """Execute the statement and return how many rows it changed."""
    options = {"preserve_rowcount": True}  # Of insertions, too.
    result = session.execute(statement, execution_options=options)
    return cast("CursorResult[object]", result).rowcount
