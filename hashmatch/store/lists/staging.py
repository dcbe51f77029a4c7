"""Staging of a delivery in temporary tables, before it is applied in one transaction.

The rows go into a temporary table first: that locks nobody out, holds a list of any length, and
leaves the comparison to the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.orm import Session

from ..engine import Database
from .staging_tables import IDENTITY, RETAINED, STAGED, STAGED_UNSUPPORTED, STAGING, UPDATES
from .unsupported import UnsupportedRow, stage_unsupported

_ROWS_A_BATCH = 10_000
_COPY = f"COPY {STAGED.name} ({', '.join(STAGED.c.keys())}) FROM STDIN (FORMAT BINARY)"
_COPIED_TYPES = ("int4", "text", "bytea", *["text"] * 5)
# Created after the rows are in, which is far cheaper than updating it with each of them.
_CREATE_INDEX = text("CREATE INDEX ix_staged ON staged (algorithm, value, entry_id, line)")
# The name that each database has for the place of a row in its table.
_OWN_PLACE: dict[str, ColumnElement[object]] = {
    "sqlite": literal_column("staged.rowid"),
    "postgresql": literal_column("staged.ctid"),
}
# One good row of a list file, in the order of the columns above: its line, algorithm, value, entry
# id, category, tags as a JSON array, time of adding and note. A plain tuple, since the driver
# takes a named one in half as fast.
StagedRow: TypeAlias = tuple[int, str, bytes, str, str, str, str, str]


class Staging:
    """Rows of one delivery, on one connection, until they are applied or dropped."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        # Staged in batches: neither damage nor updates of any number may fill the memory.
        self._unsupported: list[UnsupportedRow] = []
        self._updates: list[dict[str, object]] = []
        self._has_updates = False
        self._retained: set[str] = set()

    def add(self, rows: Iterable[StagedRow]) -> Iterator[int]:
        """Stage rows; yields the number of rows after each batch."""
        iterator = iter(rows)
        total = 0
        while batch := list(islice(iterator, _ROWS_A_BATCH)):
            _insert_staged(self._connection, batch)
            total += len(batch)
            yield total

    def add_unsupported(self, row: UnsupportedRow) -> None:
        """Stage a row whose hash is unsupported."""
        self._unsupported.append(row)
        if len(self._unsupported) >= _ROWS_A_BATCH:
            self._flush_unsupported()

    def _flush_unsupported(self) -> None:
        stage_unsupported(self._connection, self._unsupported)
        self._unsupported.clear()

    def reject_duplicates(self, max_lines: int) -> tuple[int, Sequence[int]]:
        """Drop each row that repeats an earlier one; return their number and their first lines."""
        columns = [STAGED.c[name] for name in IDENTITY]
        self._connection.execute(_CREATE_INDEX)
        if self._connection.dialect.name == "postgresql":
            # PostgreSQL never analyses temporary tables itself, and plans rest on the counts.
            self._connection.execute(text("ANALYZE staged"))
        repeated = select(func.min(STAGED.c.line)).group_by(*columns).having(func.count() > 1)
        if self._connection.scalar(repeated.limit(1)) is None:
            return 0, ()
        # One line may give several rows, so that its number does not identify them.
        own_place = _OWN_PLACE[self._connection.dialect.name]
        rank = func.row_number().over(partition_by=columns, order_by=STAGED.c.line)
        ranked = select(own_place.label("own_place"), STAGED.c.line, rank.label("rank")).subquery()
        later = ranked.c.rank > 1
        first = select(ranked.c.line).where(later).order_by(ranked.c.line).limit(max_lines)
        lines = self._connection.scalars(first).all()
        dropped = select(ranked.c.own_place).where(later)
        return self._connection.execute(
            delete(STAGED).where(own_place.in_(dropped))
        ).rowcount, lines

    def copy(self, statement: Insert) -> None:
        """Stage rows that the store itself has."""
        self._connection.execute(statement)

    def retain(self, entry_id: str) -> None:
        """Retain an entry even where the delivery lacks it."""
        self._retained.add(entry_id)
        if len(self._retained) >= _ROWS_A_BATCH:
            self._flush_retained()

    def _flush_retained(self) -> None:
        if rows := [{"entry_id": entry_id} for entry_id in self._retained]:
            self._connection.execute(insert(RETAINED), rows)
            self._retained.clear()

    def note_update(self, line: int, entry_id: str, moment: str) -> None:
        """Note that a line describes an entry in full: hashes not staged with it are withdrawn.

        Where several lines describe one entry, the one with the last `moment`, as text, counts.
        """
        self._updates.append({"line": line, "entry_id": entry_id, "moment": moment})
        if len(self._updates) >= _ROWS_A_BATCH:
            self._flush_updates()

    def _flush_updates(self) -> None:
        if self._updates:
            self._connection.execute(insert(UPDATES), self._updates)
            self._updates.clear()
            self._has_updates = True

    def drop_outdated(self) -> int:
        """Drop the rows of lines that a later line of the same entry replaces.

        Returns the number of supported rows among them.
        """
        self._flush_updates()
        self._flush_unsupported()
        if not self._has_updates:
            return 0
        newest_first = (UPDATES.c.moment.desc(), UPDATES.c.line.desc())
        rank = func.row_number().over(partition_by=UPDATES.c.entry_id, order_by=newest_first)
        ranked = select(UPDATES.c.line, rank.label("rank")).subquery()
        outdated = select(ranked.c.line).where(ranked.c.rank > 1)
        self._connection.execute(
            delete(STAGED_UNSUPPORTED).where(STAGED_UNSUPPORTED.c.line.in_(outdated))
        )
        dropped = self._connection.execute(delete(STAGED).where(STAGED.c.line.in_(outdated)))
        return dropped.rowcount

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One read-only session that sees the staged rows together with the store."""
        with Session(self._connection) as session:
            yield session

    @contextmanager
    def applying(self, actor: str = "") -> Iterator[Session]:
        """End staging and begin the one transaction in which the list changes.

        The audit log names `actor`, by default that of the database.
        """
        self._flush_unsupported()
        self._flush_retained()
        self._connection.commit()
        with self._database.transaction(self._connection, actor) as session:
            yield session


@contextmanager
def open_staging(database: Database) -> Iterator[Staging]:
    """Open a staging area, which vanishes at the end."""
    with database.connection() as connection:
        STAGING.create_all(connection, checkfirst=False)
        try:
            yield Staging(database, connection)
        finally:
            # The temporary tables end with the connection, in whatever state an interrupt left it.
            connection.invalidate()


def _insert_staged(connection: Connection, batch: Sequence[StagedRow]) -> None:
    if connection.dialect.name == "sqlite":
        # Straight to the driver: 0.7 million rows a second, against 0.16 through Core's dicts.
        connection.exec_driver_sql("INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", batch)
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_COPIED_TYPES)
        for row in batch:
            copy.write_row(row)
