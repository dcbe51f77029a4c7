"""Staging of a delivery in temporary tables, before its list changes.

That locks nobody out, holds a list of any length, and leaves sorting and comparison to the
database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.orm import Session

from ..engine import Database, Turns, commit_durably, commit_soon, ignoring, shorten_log
from .staging_tables import (
    IDENTITY,
    RECEIVED,
    RECEIVED_UNSUPPORTED,
    RETAINED,
    STAGED,
    STAGED_UNSUPPORTED,
    STAGING,
    UNSUPPORTED_IDENTITY,
    UNSUPPORTED_WITHDRAWALS,
    UPDATES,
)
from .unsupported import UnsupportedRow, stage_unsupported

_ROWS_A_BATCH = 10_000
_COPY = f"COPY {RECEIVED.name} ({', '.join(RECEIVED.c.keys())}) FROM STDIN (FORMAT BINARY)"
_COPIED_TYPES = ("int4", "text", "bytea", *["text"] * 5)
# One good row of a list file, in the order of the columns above: its line, algorithm, value, entry
# id, category, tags as a JSON array, time of adding and note. A plain tuple, since the driver
# takes a named one in half as fast.
StagedRow: TypeAlias = tuple[int, str, bytes, str, str, str, str, str]
# Does a part of a walk in one transaction: the condition is that a row is of the part.
Step: TypeAlias = Callable[[Session, ColumnElement[bool]], None]


class Staging:
    """Rows of one delivery, on one connection, until they are applied or dropped."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self.turns = Turns(lambda: database.transaction(connection, background=True))
        # Staged in batches: neither damage nor updates of any number may fill the memory.
        self._unsupported: list[UnsupportedRow] = []
        self._updates: list[dict[str, object]] = []
        self._has_updates = False
        self._withdrawn: list[dict[str, object]] = []
        self._retained: set[str] = set()

    def add(self, rows: Iterable[StagedRow]) -> Iterator[int]:
        """Stage rows; yields the number of rows after each batch."""
        iterator = iter(rows)
        total = 0
        while batch := list(islice(iterator, _ROWS_A_BATCH)):
            _insert_received(self._connection, batch)
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

    def sort(self, rows: int, max_lines: int) -> tuple[int, Sequence[int]]:
        """Bring the rows, which are so many, into order, and drop each that repeats an earlier one.

        Returns the number of those, and the first of their lines.
        """
        self._sort(RECEIVED, STAGED, IDENTITY)
        self._flush_unsupported()
        self._sort(RECEIVED_UNSUPPORTED, STAGED_UNSUPPORTED, UNSUPPORTED_IDENTITY)
        repeated = rows - self.count(STAGED)
        lines = self._repeated_lines(max_lines) if repeated else ()
        self._connection.execute(delete(RECEIVED))
        self._connection.execute(delete(RECEIVED_UNSUPPORTED))
        return repeated, lines

    def _sort(self, received: Table, staged: Table, identity: tuple[str, ...]) -> None:
        names = [one.name for one in staged.columns]
        ordered = select(*(received.c[name] for name in names)).where(true())
        ordered = ordered.order_by(*(received.c[name] for name in (*identity, "line")))
        self._connection.execute(ignoring(self._connection, staged).from_select(names, ordered))
        self.analyse(staged)

    def _repeated_lines(self, max_lines: int) -> Sequence[int]:
        # One line may give several rows, so that its number does not identify them.
        columns = [RECEIVED.c[name] for name in IDENTITY]
        rank = func.row_number().over(partition_by=columns, order_by=RECEIVED.c.line)
        ranked = select(RECEIVED.c.line, rank.label("rank")).subquery()
        later = select(ranked.c.line).where(ranked.c.rank > 1)
        return self._connection.scalars(later.order_by(ranked.c.line).limit(max_lines)).all()

    def analyse(self, table: Table) -> None:
        """Let PostgreSQL count a temporary table, which it never does itself: plans rest on it."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text(f"ANALYZE {table.name}"))

    def copy(self, table: Table, names: Sequence[str], rows: Select[Any]) -> None:
        """Stage rows that the store itself has, in order; only the first of equal ones."""
        statement = ignoring(self._connection, table).from_select(names, rows)
        self._connection.execute(statement)
        self.analyse(table)

    def withdraw_unsupported(self, key: int, algorithm: str) -> None:
        """Stage the withdrawal of an unsupported hash of the store."""
        self._withdrawn.append({"entry_key": key, "algorithm": algorithm})
        if len(self._withdrawn) >= _ROWS_A_BATCH:
            self._flush_withdrawn()

    def _flush_withdrawn(self) -> None:
        if self._withdrawn:
            self._connection.execute(insert(UNSUPPORTED_WITHDRAWALS), self._withdrawn)
            self._withdrawn.clear()

    def count(self, table: Table) -> int:
        """Return the number of rows of a temporary table."""
        return self._connection.scalar(select(func.count()).select_from(table)) or 0

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
        self._flush_retained()
        self._flush_withdrawn()
        self.analyse(UPDATES)
        if not self._has_updates:
            return 0
        newest_first = (UPDATES.c.moment.desc(), UPDATES.c.line.desc())
        rank = func.row_number().over(partition_by=UPDATES.c.entry_id, order_by=newest_first)
        ranked = select(UPDATES.c.line, rank.label("rank")).subquery()
        outdated = select(ranked.c.line).where(ranked.c.rank > 1)
        self._connection.execute(
            delete(RECEIVED_UNSUPPORTED).where(RECEIVED_UNSUPPORTED.c.line.in_(outdated))
        )
        dropped = self._connection.execute(delete(RECEIVED).where(RECEIVED.c.line.in_(outdated)))
        return dropped.rowcount

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One read-only session that sees the staged rows together with the store."""
        with Session(self._connection) as session:
            yield session
        self._connection.commit()

    @contextmanager
    def comparing(self) -> Iterator[Session]:
        """One session that sees both, too, and writes into the temporary tables alone."""
        with Session(self._connection) as session:
            yield session
            session.commit()
        self._connection.commit()

    @contextmanager
    def writing(self, actor: str = "") -> Iterator[Session]:
        """One short transaction in the store, on disk when it has ended.

        The audit log names `actor`, by default that of the database.
        """
        self._connection.commit()
        commit_durably(self._connection)
        with self._database.transaction(self._connection, actor) as session:
            yield session

    def walk(self, table: Table, step: Step) -> None:
        """Walk through a temporary table in short transactions, in the order of its key.

        They may reach the disk as late as the next one of `writing`.
        """
        commit_soon(self._connection)
        after, is_over = None, not self._has_rows(table)
        while not is_over:
            end = self._end_of_part(table, after, self.turns.rows)
            with self.turns.next() as session:
                step(session, _between(table, after, end))
            shorten_log(self._connection)
            after, is_over = end, end is None

    def _has_rows(self, table: Table) -> bool:
        has_rows = self._connection.scalar(select(literal(1)).select_from(table).limit(1))
        self._connection.commit()
        return has_rows is not None

    def _end_of_part(
        self, table: Table, after: Sequence[Any] | None, rows: int
    ) -> Sequence[Any] | None:
        """Return the key of the last row of the next part, None where all the rest is one."""
        query = select(*table.primary_key).where(_between(table, after, None))
        last = query.order_by(*table.primary_key).offset(rows - 1).limit(1)
        end = self._connection.execute(last).one_or_none()
        self._connection.commit()
        return None if end is None else tuple(end)


@contextmanager
def open_staging(database: Database) -> Iterator[Staging]:
    """Open a staging area, which vanishes at the end."""
    with database.connection() as connection:
        STAGING.create_all(connection, checkfirst=False)
        connection.commit()
        try:
            yield Staging(database, connection)
        finally:
            # The temporary tables end with the connection, in whatever state an interrupt left it.
            connection.invalidate()


def _between(
    table: Table, after: Sequence[Any] | None, end: Sequence[Any] | None
) -> ColumnElement[bool]:
    """Say that a row is after one key, and not after another."""
    own = tuple_(*table.primary_key)
    kinds = [one.type for one in table.primary_key]
    within: ColumnElement[bool] = true()
    if after is not None:
        within = and_(within, own > tuple_(*map(literal, after, kinds)))
    if end is not None:
        within = and_(within, own <= tuple_(*map(literal, end, kinds)))
    return within


def _insert_received(connection: Connection, batch: Sequence[StagedRow]) -> None:
    if connection.dialect.name == "sqlite":
        # Straight to the driver: 0.7 million rows a second, against 0.16 through Core's dicts.
        connection.exec_driver_sql("INSERT INTO received VALUES (?, ?, ?, ?, ?, ?, ?, ?)", batch)
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_COPIED_TYPES)
        for row in batch:
            copy.write_row(row)
