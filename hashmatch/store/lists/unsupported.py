"""Hashes of lists that are stored, counted and not matched.

Either no installed algorithm supports them, or they are degenerate: those of pictures that show
next to nothing. Degenerate ones are stored under a name of their own, which no algorithm has, so
that they are never promoted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from ..engine import affected_rows
from ..schema import HashList, UnsupportedHash
from .staging_tables import (
    CONTENT,
    RECEIVED_UNSUPPORTED,
    RETAINED,
    STAGED_UNSUPPORTED,
    UNSUPPORTED_ADDITIONS,
    UNSUPPORTED_IDENTITY,
    UNSUPPORTED_WITHDRAWALS,
    UPDATES,
)

# PhotoDNA takes 192; longer ones, of videos, come as links to files of their own.
MAX_UNSUPPORTED_CHARACTERS = 2_000
# With the blank it is the name of no kind of hash that a list may bring.
_DEGENERATE = "degenerate "
_MAX_NAME = 32


class UnsupportedRow(NamedTuple):
    """One row of a delivery whose hash is unsupported; `value` is the licensor's own text."""

    line: int
    algorithm: str
    value: str
    entry_id: str
    category: str
    tags: str
    added_at: str
    note: str


def stage_unsupported(connection: Connection, rows: Sequence[UnsupportedRow]) -> None:
    """Stage unsupported rows."""
    if rows:
        connection.execute(insert(RECEIVED_UNSUPPORTED), [row._asdict() for row in rows])


def compare_unsupported(
    session: Session, row: HashList, *, retain_all: bool = False, only_updated: bool = False
) -> None:
    """Compare the staged unsupported rows with those of a list: rows to add and to withdraw.

    With `retain_all` nothing is withdrawn but what has other contents now, with `only_updated`
    nothing but what the delivery describes.
    """
    active = (UnsupportedHash.list_key == row.key, UnsupportedHash.withdrawn_generation.is_(None))
    differs = or_(
        *(getattr(UnsupportedHash, name) != STAGED_UNSUPPORTED.c[name] for name in CONTENT)
    )
    gone: ColumnElement[bool] = (
        exists().where(*_same(), differs).correlate(UnsupportedHash.__table__)
    )
    if not retain_all:
        is_staged = exists().where(*_same()).correlate(UnsupportedHash.__table__)
        missing = ~is_staged & UnsupportedHash.entry_id.not_in(select(RETAINED.c.entry_id))
        if only_updated:
            missing = missing & UnsupportedHash.entry_id.in_(select(UPDATES.c.entry_id))
        gone = gone | missing
    is_chosen = UnsupportedHash.key.in_(select(UNSUPPORTED_WITHDRAWALS.c.entry_key))
    rows = select(UnsupportedHash.key, UnsupportedHash.algorithm)
    session.execute(
        insert(UNSUPPORTED_WITHDRAWALS).from_select(
            ["entry_key", "algorithm"], rows.where(*active, gone, ~is_chosen)
        )
    )
    stays = UnsupportedHash.key.not_in(select(UNSUPPORTED_WITHDRAWALS.c.entry_key))
    is_there = exists().where(*active, *_same(), stays).correlate(STAGED_UNSUPPORTED)
    new = select(*STAGED_UNSUPPORTED.columns).where(~is_there)
    names = STAGED_UNSUPPORTED.columns.keys()
    new = new.order_by(*STAGED_UNSUPPORTED.primary_key)
    session.execute(insert(UNSUPPORTED_ADDITIONS).from_select(names, new))


def withdraw_unsupported(session: Session, number: int, some: ColumnElement[bool]) -> int:
    """Withdraw the chosen ones of the rows to withdraw in a generation; returns their number."""
    keys = select(UNSUPPORTED_WITHDRAWALS.c.entry_key).where(some)
    return affected_rows(
        session,
        update(UnsupportedHash)
        .where(UnsupportedHash.key.in_(keys), UnsupportedHash.withdrawn_generation.is_(None))
        .values(withdrawn_generation=number)
        .execution_options(synchronize_session=False),
    )


def insert_unsupported(
    session: Session, row: HashList, number: int, some: ColumnElement[bool]
) -> int:
    """Insert the chosen ones of the rows to add in a generation; returns their number."""
    names = (*UNSUPPORTED_IDENTITY, *CONTENT)
    columns = [UNSUPPORTED_ADDITIONS.c[name] for name in names]
    rows = select(literal(row.key), literal(number), *columns).where(some)
    rows = rows.order_by(*UNSUPPORTED_ADDITIONS.primary_key)
    statement = insert(UnsupportedHash).from_select(["list_key", "added_generation", *names], rows)
    return affected_rows(session, statement)


def count_unsupported_changes(session: Session) -> dict[str, int]:
    """Return by how many the number of unsupported hashes changes, by algorithm."""
    counts: defaultdict[str, int] = defaultdict(int)
    for table, sign in ((UNSUPPORTED_ADDITIONS, 1), (UNSUPPORTED_WITHDRAWALS, -1)):
        rows = select(table.c.algorithm, func.count()).group_by(table.c.algorithm)
        for algorithm, number in session.execute(rows):
            counts[algorithm] += sign * number
    return {name: number for name, number in counts.items() if number}


def degenerate_name(algorithm: str) -> str:
    """Return the name under which degenerate hashes of an algorithm are stored."""
    return f"{_DEGENERATE}{algorithm}"[:_MAX_NAME]


def figure_of(algorithm: str) -> tuple[str, str]:
    """Return the subject and name of the figure that counts hashes stored under a name."""
    if algorithm.startswith(_DEGENERATE):
        return "degenerate", algorithm.removeprefix(_DEGENERATE)
    return "unsupported", algorithm


def find_promotable(session: Session, algorithms: Iterable[str]) -> list[tuple[str, str]]:
    """Return (list name, algorithm) of unsupported hashes that could be matched now."""
    lists = session.scalars(select(HashList).where(HashList.removed_at.is_(None))).all()
    return [
        (row.name, one)
        for row in lists
        for one in algorithms
        if session.scalar(select(UnsupportedHash.key).where(*_listed(row, one)).limit(1))
    ]


def read_unsupported(
    session: Session, row: HashList, algorithm: str
) -> Iterator[tuple[int, UnsupportedRow]]:
    """Yield the unsupported hashes of a list and algorithm by key, which is their line, too."""
    names = ("algorithm", "value", "entry_id", *CONTENT)
    columns = [getattr(UnsupportedHash, name) for name in names]
    rows = session.execute(
        select(UnsupportedHash.key, *columns)
        .where(*_listed(row, algorithm))
        .order_by(UnsupportedHash.entry_id, UnsupportedHash.value),
        execution_options={"yield_per": 10_000},
    )
    for key, *one in rows:
        yield key, UnsupportedRow(key, *one)


def _listed(row: HashList, algorithm: str) -> list[ColumnElement[bool]]:
    """Say that hashes are of the published generations of a list."""
    withdrawn = UnsupportedHash.withdrawn_generation
    return [
        UnsupportedHash.list_key == row.key,
        UnsupportedHash.algorithm == algorithm,
        *([UnsupportedHash.added_generation > row.emptied] if row.emptied else []),
        *([] if row.preparing is None else [UnsupportedHash.added_generation != row.preparing]),
        withdrawn.is_(None)
        if row.preparing is None
        else or_(withdrawn.is_(None), withdrawn == row.preparing),
    ]


def _same() -> list[ColumnElement[bool]]:
    return [
        getattr(UnsupportedHash, name) == STAGED_UNSUPPORTED.c[name]
        for name in UNSUPPORTED_IDENTITY
    ]
