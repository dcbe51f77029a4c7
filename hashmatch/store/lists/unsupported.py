"""Hashes of lists that nothing here can match: kept as they are, until something can."""

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

from ..schema import HashList, KeptHash
from .staging_tables import SPARED, STAGED_KEPT, TOLD

# PhotoDNA takes 192; longer ones, of films, come as links to files of their own.
MOST_KEPT_CHARACTERS = 2_000


_CREATE_INDEX = text("CREATE INDEX ix_staged_kept ON staged_kept (algorithm, value, entry_id)")


_KEYS_A_QUERY = 500


_IDENTITY = ("algorithm", "value", "entry_id")


_CONTENT = ("category", "tags", "added_at", "note")


class KeptRow(NamedTuple):
    """One row of a list file whose hash cannot be matched; `value` is the licensor's own text."""

    line: int
    algorithm: str
    value: str
    entry_id: str
    category: str
    tags: str
    added_at: str
    note: str


def stage_kept(connection: Connection, rows: Sequence[KeptRow]) -> None:
    """Lay such rows beside the store."""
    if rows:
        connection.execute(insert(STAGED_KEPT), [row._asdict() for row in rows])


def take_over_kept(
    session: Session, row: HashList, *, keep_all: bool = False, only_told: bool = False
) -> None:
    """Keep what was staged for a list and nothing else, or with `keep_all` what was there, too.

    With `only_told` entries that nothing was told of stay as they are. Runs inside
    `Staging.taking_over`.
    """
    session.execute(_CREATE_INDEX)
    differs = or_(*(getattr(KeptHash, name) != STAGED_KEPT.c[name] for name in _CONTENT))
    gone: ColumnElement[bool] = exists().where(*_same(), differs).correlate(KeptHash.__table__)
    if not keep_all:
        is_staged = exists().where(*_same()).correlate(KeptHash.__table__)
        missing = ~is_staged & KeptHash.entry_id.not_in(select(SPARED.c.entry_id))
        if only_told:
            missing = missing & KeptHash.entry_id.in_(select(TOLD.c.entry_id))
        gone = gone | missing
    session.execute(
        delete(KeptHash).where(KeptHash.list_key == row.key, gone),
        execution_options={"synchronize_session": False},
    )
    # A file may name one hash of an entry twice.
    columns: list[ColumnElement[str]] = [STAGED_KEPT.c[name] for name in _IDENTITY]
    columns += [func.min(STAGED_KEPT.c[name]) for name in _CONTENT]
    is_there = exists().where(KeptHash.list_key == row.key, *_same()).correlate(STAGED_KEPT)
    new = select(literal(row.key), *columns).where(~is_there)
    new = new.group_by(*(STAGED_KEPT.c[name] for name in _IDENTITY))
    names = ["list_key", *_IDENTITY, *_CONTENT]
    session.execute(insert(KeptHash).from_select(names, new))


def count_kept(session: Session) -> dict[str, dict[str, int]]:
    """Return the number of kept hashes by list name and algorithm."""
    rows = session.execute(
        select(HashList.name, KeptHash.algorithm, func.count())
        .join(KeptHash, KeptHash.list_key == HashList.key)
        .where(HashList.removed_at.is_(None))
        .group_by(HashList.name, KeptHash.algorithm)
        .order_by(HashList.name, KeptHash.algorithm)
    )
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, algorithm, number in rows:
        counts[name][algorithm] = number
    return dict(counts)


def find_matchable(session: Session, algorithms: Iterable[str]) -> list[tuple[str, int, str]]:
    """Return (list name, list key, algorithm) where a list keeps hashes of these algorithms."""
    lists = session.execute(
        select(HashList.name, HashList.key).where(HashList.removed_at.is_(None))
    ).all()
    return [
        (name, key, one)
        for name, key in lists
        for one in algorithms
        if session.scalar(
            select(KeptHash.key).where(KeptHash.list_key == key, KeptHash.algorithm == one).limit(1)
        )
    ]


def read_kept(session: Session, list_key: int, algorithm: str) -> Iterator[tuple[int, KeptRow]]:
    """Yield what a list keeps of one algorithm, with keys, which stand for the lines, too."""
    columns = [getattr(KeptHash, name) for name in (*_IDENTITY, *_CONTENT)]
    rows = session.execute(
        select(KeptHash.key, *columns)
        .where(KeptHash.list_key == list_key, KeptHash.algorithm == algorithm)
        .order_by(KeptHash.key),
        execution_options={"yield_per": 10_000},
    )
    for key, *row in rows:
        yield key, KeptRow(key, *row)


def drop_kept(session: Session, keys: Sequence[int]) -> None:
    """Keep these hashes no longer."""
    for start in range(0, len(keys), _KEYS_A_QUERY):
        some = KeptHash.key.in_(keys[start : start + _KEYS_A_QUERY])
        session.execute(
            delete(KeptHash).where(some), execution_options={"synchronize_session": False}
        )


def _same() -> list[ColumnElement[bool]]:
    return [getattr(KeptHash, name) == STAGED_KEPT.c[name] for name in _IDENTITY]
