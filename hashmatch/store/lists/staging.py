"""Staging of a delivery beside the store, before it is applied in one transaction.

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
from .staging_tables import SPARED, STAGED, STAGED_KEPT, STAGING, TOLD
from .unsupported import KeptRow, stage_kept

_ROWS_A_BATCH = 10_000


_COPY = f"COPY {STAGED.name} ({', '.join(STAGED.c.keys())}) FROM STDIN (FORMAT BINARY)"


_COPIED_TYPES = ("int4", "text", "bytea", *["text"] * 5)


# Made after the rows are in, which is far cheaper than keeping it up to date with each of them.
_CREATE_INDEX = text("CREATE INDEX ix_staged ON staged (algorithm, value, entry_id, line)")


# What each database calls the place of a row in its table.
_OWN_PLACE: dict[str, ColumnElement[object]] = {
    "sqlite": literal_column("staged.rowid"),
    "postgresql": literal_column("staged.ctid"),
}


_IDENTITY = ("algorithm", "value", "entry_id")


# One good row of a list file, in the order of the columns above: its line, algorithm, value, entry
# id, category, tags as a JSON array, time of adding and note. A plain tuple, since the driver
# takes a named one in half as fast.
StagedRow: TypeAlias = tuple[int, str, bytes, str, str, str, str, str]


class Staging:
    """The rows of one file, on one connection, until they are taken over or dropped."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self._kept: list[KeptRow] = []
        self._told: list[dict[str, object]] = []
        self._has_told = False

    def add(self, rows: Iterable[StagedRow]) -> Iterator[int]:
        """Lay rows beside the store; yields the number of rows after each batch."""
        iterator = iter(rows)
        total = 0
        while batch := list(islice(iterator, _ROWS_A_BATCH)):
            _insert_staged(self._connection, batch)
            total += len(batch)
            yield total

    def keep(self, row: KeptRow) -> None:
        """Lay a row beside the store whose hash cannot be matched."""
        self._kept.append(row)
        if len(self._kept) >= _ROWS_A_BATCH:
            self._flush_kept()

    def _flush_kept(self) -> None:
        stage_kept(self._connection, self._kept)
        self._kept.clear()

    def set_duplicates_aside(self) -> list[int]:
        """Drop each row that repeats an earlier one and return the lines dropped, in order."""
        columns = [STAGED.c[name] for name in _IDENTITY]
        self._connection.execute(_CREATE_INDEX)
        if self._connection.dialect.name == "postgresql":
            # Nobody else counts the rows of a temporary table, and plans rest on their number.
            self._connection.execute(text("ANALYZE staged"))
        repeated = select(func.min(STAGED.c.line)).group_by(*columns).having(func.count() > 1)
        if self._connection.scalar(repeated.limit(1)) is None:
            return []
        # One line may give several rows, so that it does not tell which of them is meant.
        own_place = _OWN_PLACE[self._connection.dialect.name]
        rank = func.row_number().over(partition_by=columns, order_by=STAGED.c.line)
        ranked = select(own_place.label("own_place"), STAGED.c.line, rank.label("rank")).subquery()
        later = ranked.c.rank > 1
        lines = sorted(self._connection.scalars(select(ranked.c.line).where(later)))
        dropped = select(ranked.c.own_place).where(later)
        self._connection.execute(delete(STAGED).where(own_place.in_(dropped)))
        return lines

    def copy(self, statement: Insert) -> None:
        """Lay rows beside the store that the store itself has."""
        self._connection.execute(statement)

    def spare(self, entry_ids: Iterable[str]) -> None:
        """Keep these entries in the list even where the file lacks them."""
        if rows := [{"entry_id": entry_id} for entry_id in entry_ids]:
            self._connection.execute(insert(SPARED), rows)

    def tell(self, line: int, entry_id: str, moment: str) -> None:
        """Note that all is said of an entry at that line: what was not staged of it is gone.

        `moment` orders what is said of one entry at several lines, as text does; the last counts.
        """
        self._told.append({"line": line, "entry_id": entry_id, "moment": moment})
        if len(self._told) >= _ROWS_A_BATCH:
            self._flush_told()

    def _flush_told(self) -> None:
        if self._told:
            self._connection.execute(insert(TOLD), self._told)
            self._told.clear()
            self._has_told = True

    def drop_outdated(self) -> int:
        """Drop the rows of lines that later ones of the same entry overrule.

        Returns how many of them could have been matched.
        """
        self._flush_told()
        self._flush_kept()
        if not self._has_told:
            return 0
        newest_first = (TOLD.c.moment.desc(), TOLD.c.line.desc())
        rank = func.row_number().over(partition_by=TOLD.c.entry_id, order_by=newest_first)
        ranked = select(TOLD.c.line, rank.label("rank")).subquery()
        outdated = select(ranked.c.line).where(ranked.c.rank > 1)
        self._connection.execute(delete(STAGED_KEPT).where(STAGED_KEPT.c.line.in_(outdated)))
        dropped = self._connection.execute(delete(STAGED).where(STAGED.c.line.in_(outdated)))
        return dropped.rowcount

    @contextmanager
    def looking(self) -> Iterator[Session]:
        """One session that sees what was staged beside the store, and changes nothing."""
        with Session(self._connection) as session:
            yield session

    @contextmanager
    def taking_over(self) -> Iterator[Session]:
        """End the staging and begin the one transaction in which the list changes."""
        self._flush_kept()
        self._connection.commit()
        with self._database.transaction(self._connection) as session:
            yield session


@contextmanager
def open_staging(database: Database) -> Iterator[Staging]:
    """Open a place to lay rows beside the store; it vanishes at the end."""
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
