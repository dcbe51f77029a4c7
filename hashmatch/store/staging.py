"""A whole list file laid beside the store, compared with it, and taken over in one transaction.

The rows go into a temporary table first: that locks nobody out, holds a list of any length, and
leaves the comparison to the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.orm import Session

from .database import Database
from .kept import SPARED, STAGED_KEPT, STAGING, TOLD, KeptRow, stage_kept
from .lists import Change, Counts, affected_rows, is_named, publish_generation
from .models import Entry, HashList

_ROWS_A_BATCH = 10_000

STAGED = Table(
    "staged",
    STAGING,
    Column("line", Integer),
    Column("algorithm", Text),
    Column("value", LargeBinary),
    Column("entry_id", Text),
    Column("category", Text),
    Column("tags", Text),
    Column("added_at", Text),
    Column("note", Text),
    prefixes=["TEMPORARY"],
)
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
_CONTENT = ("category", "tags", "added_at", "note")


# One good row of a list file, in the order of the columns above: its line, algorithm, value, entry
# id, category, tags as a JSON array, time of adding and note. A plain tuple, since the driver
# takes a named one in half as fast.
StagedRow: TypeAlias = tuple[int, str, bytes, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a file differed from the list. `change` is None when there was nothing to change.

    `changed` entries kept their hash and got another category, tags, time or note. `held` rows
    stay out because an operator withdrew them; `spared` entries stay in although the file lacks
    them, because a row of theirs was damaged.
    """

    change: Change | None
    added: int
    withdrawn: int
    changed: int
    unchanged: int
    held: int
    spared: int


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


def take_over(
    session: Session,
    row: HashList,
    *,
    source: str,
    keep_all: bool = False,
    only_told: bool = False,
) -> Comparison:
    """Make the list what was staged: withdraw what is gone, change what differs, add what is new.

    With `keep_all` nothing is withdrawn, with `only_told` nothing of which nothing was told. Runs
    inside `Staging.taking_over`. Writes no generation when nothing differs.
    """
    before = row.active_entries
    within = is_told() if only_told else true()
    spared = _count_spared(session, row, within, keep_all=keep_all) if before else 0
    withdrawn = _withdraw_missing(session, row, within) if before and not keep_all else 0
    changed = _change_contents(session, row, within) if before > withdrawn else 0
    held = _count_held(session, row)
    added = _insert_new(session, row, some_are_active=before > withdrawn, some_are_held=held > 0)
    change = None
    if added or withdrawn or changed:
        counts = Counts(added=added, withdrawn=withdrawn, changed=changed)
        change = publish_generation(session, row, counts, source=source)
    unchanged = before - withdrawn - spared - changed
    return Comparison(change, added, withdrawn, changed, unchanged, held, spared)


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


def same_entry() -> list[ColumnElement[bool]]:
    """Say that an entry has the hash and id of a staged row."""
    return [getattr(Entry, name) == STAGED.c[name] for name in _IDENTITY]


def is_active(row: HashList) -> list[ColumnElement[bool]]:
    """Say that an entry is an active one of the list."""
    return [Entry.list_key == row.key, Entry.withdrawn_generation.is_(None)]


def is_spared() -> ColumnElement[bool]:
    """Say that an entry is to stay whatever the file lacks."""
    return Entry.entry_id.in_(select(SPARED.c.entry_id))


def is_told() -> ColumnElement[bool]:
    """Say that all was told of an entry."""
    return is_named() & Entry.entry_id.in_(select(TOLD.c.entry_id))


def is_staged() -> ColumnElement[bool]:
    """Say that an entry is among what was staged."""
    return exists().where(*same_entry()).correlate(Entry.__table__)


def _count_spared(
    session: Session, row: HashList, within: ColumnElement[bool], *, keep_all: bool
) -> int:
    spared = true() if keep_all else is_spared()
    missing = (*is_active(row), within, spared, ~is_staged())
    return session.scalar(select(func.count()).select_from(Entry).where(*missing)) or 0


def _withdraw_missing(session: Session, row: HashList, within: ColumnElement[bool]) -> int:
    return affected_rows(
        session,
        update(Entry)
        .where(*is_active(row), within, ~is_staged(), ~is_spared())
        .values(withdrawn_generation=row.generation + 1)
        .execution_options(synchronize_session=False),
    )


def _change_contents(session: Session, row: HashList, within: ColumnElement[bool]) -> int:
    differs = or_(*(getattr(Entry, name) != STAGED.c[name] for name in _CONTENT))
    return affected_rows(
        session,
        update(Entry)
        .where(*is_active(row), within, *same_entry(), differs)
        .values({name: STAGED.c[name] for name in _CONTENT})
        .execution_options(synchronize_session=False),
    )


def _is_held(row: HashList) -> ColumnElement[bool]:
    held = (Entry.list_key == row.key, Entry.withdrawn_by_operator, *same_entry())
    return exists().where(*held).correlate(STAGED)


def _count_held(session: Session, row: HashList) -> int:
    if not session.scalar(
        select(Entry.key).where(Entry.list_key == row.key, Entry.withdrawn_by_operator).limit(1)
    ):
        return 0
    return session.scalar(select(func.count()).select_from(STAGED).where(_is_held(row))) or 0


def _insert_new(
    session: Session, row: HashList, *, some_are_active: bool, some_are_held: bool
) -> int:
    columns = [STAGED.c[name] for name in _IDENTITY + _CONTENT]
    rows = select(literal(row.key), literal(row.generation + 1), literal(value=False), *columns)
    if some_are_active:
        rows = rows.where(~exists().where(*is_active(row), *same_entry()).correlate(STAGED))
    if some_are_held:
        rows = rows.where(~_is_held(row))
    # In the order of the unique index, which then only grows at its end.
    rows = rows.order_by(*(STAGED.c[name] for name in _IDENTITY))
    names = ["list_key", "added_generation", "withdrawn_by_operator", *_IDENTITY, *_CONTENT]
    return affected_rows(session, insert(Entry).from_select(names, rows))
