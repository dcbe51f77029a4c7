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
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Session

from ..schema import HashList, UnsupportedHash
from .staging_tables import CONTENT, IDENTITY, RETAINED, STAGED_UNSUPPORTED, UPDATES

# PhotoDNA takes 192; longer ones, of videos, come as links to files of their own.
MAX_UNSUPPORTED_CHARACTERS = 2_000
# With the blank it is the name of no kind of hash that a list may bring.
_DEGENERATE = "degenerate "
_MAX_NAME = 32
_CREATE_INDEX = text(
    "CREATE INDEX ix_staged_unsupported ON staged_unsupported (algorithm, value, entry_id)"
)
_KEYS_A_QUERY = 500


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
        connection.execute(insert(STAGED_UNSUPPORTED), [row._asdict() for row in rows])


def apply_unsupported(
    session: Session, row: HashList, *, retain_all: bool = False, only_updated: bool = False
) -> None:
    """Replace the unsupported hashes of a list by the staged ones, or with `retain_all` add them.

    With `only_updated` entries that the delivery does not describe stay as they are. Runs inside
    `Staging.applying`.
    """
    session.execute(_CREATE_INDEX)
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
    session.execute(
        delete(UnsupportedHash).where(UnsupportedHash.list_key == row.key, gone),
        execution_options={"synchronize_session": False},
    )
    # A file may name one hash of an entry twice.
    columns: list[ColumnElement[str]] = [STAGED_UNSUPPORTED.c[name] for name in IDENTITY]
    columns += [func.min(STAGED_UNSUPPORTED.c[name]) for name in CONTENT]
    is_there = (
        exists().where(UnsupportedHash.list_key == row.key, *_same()).correlate(STAGED_UNSUPPORTED)
    )
    new = select(literal(row.key), *columns).where(~is_there)
    new = new.group_by(*(STAGED_UNSUPPORTED.c[name] for name in IDENTITY))
    names = ["list_key", *IDENTITY, *CONTENT]
    session.execute(insert(UnsupportedHash).from_select(names, new))


def degenerate_name(algorithm: str) -> str:
    """Return the name under which degenerate hashes of an algorithm are stored."""
    return f"{_DEGENERATE}{algorithm}"[:_MAX_NAME]


def count_unsupported(session: Session) -> dict[str, dict[str, int]]:
    """Return the number of unsupported hashes by list name and algorithm."""
    return _count(session, ~_are_degenerate())


def count_degenerate(session: Session) -> dict[str, dict[str, int]]:
    """Return the number of degenerate hashes by list name and algorithm."""
    return {
        name: {one.removeprefix(_DEGENERATE): number for one, number in counts.items()}
        for name, counts in _count(session, _are_degenerate()).items()
    }


def _are_degenerate() -> ColumnElement[bool]:
    return UnsupportedHash.algorithm.startswith(_DEGENERATE)


def _count(session: Session, chosen: ColumnElement[bool]) -> dict[str, dict[str, int]]:
    rows = session.execute(
        select(HashList.name, UnsupportedHash.algorithm, func.count())
        .join(UnsupportedHash, UnsupportedHash.list_key == HashList.key)
        .where(HashList.removed_at.is_(None), chosen)
        .group_by(HashList.name, UnsupportedHash.algorithm)
        .order_by(HashList.name, UnsupportedHash.algorithm)
    )
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, algorithm, number in rows:
        counts[name][algorithm] = number
    return dict(counts)


def find_promotable(session: Session, algorithms: Iterable[str]) -> list[tuple[str, int, str]]:
    """Return (list name, list key, algorithm) of unsupported hashes that could be matched now."""
    lists = session.execute(
        select(HashList.name, HashList.key).where(HashList.removed_at.is_(None))
    ).all()
    return [
        (name, key, one)
        for name, key in lists
        for one in algorithms
        if session.scalar(
            select(UnsupportedHash.key)
            .where(UnsupportedHash.list_key == key, UnsupportedHash.algorithm == one)
            .limit(1)
        )
    ]


def read_unsupported(
    session: Session, list_key: int, algorithm: str
) -> Iterator[tuple[int, UnsupportedRow]]:
    """Yield the unsupported hashes of a list and algorithm by key, which is their line, too."""
    columns = [getattr(UnsupportedHash, name) for name in (*IDENTITY, *CONTENT)]
    rows = session.execute(
        select(UnsupportedHash.key, *columns)
        .where(UnsupportedHash.list_key == list_key, UnsupportedHash.algorithm == algorithm)
        .order_by(UnsupportedHash.key),
        execution_options={"yield_per": 10_000},
    )
    for key, *row in rows:
        yield key, UnsupportedRow(key, *row)


def drop_unsupported(session: Session, keys: Sequence[int]) -> None:
    """Delete unsupported hashes by key."""
    for start in range(0, len(keys), _KEYS_A_QUERY):
        some = UnsupportedHash.key.in_(keys[start : start + _KEYS_A_QUERY])
        session.execute(
            delete(UnsupportedHash).where(some), execution_options={"synchronize_session": False}
        )


def _same() -> list[ColumnElement[bool]]:
    return [getattr(UnsupportedHash, name) == STAGED_UNSUPPORTED.c[name] for name in IDENTITY]
