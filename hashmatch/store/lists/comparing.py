"""Comparison of a staged delivery with its list, which locks nobody out and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from sqlalchemy import ColumnElement, Table, exists, func, insert, or_, select, true
from sqlalchemy.orm import Session

from ..engine import affected_rows
from ..schema import Entry, HashList
from .entries import IS_DISABLED, is_listed, is_named
from .generations import Change
from .staging import Staging
from .staging_tables import (
    ADDITIONS,
    CHANGES,
    CONTENT,
    IDENTITY,
    RETAINED,
    STAGED,
    UPDATES,
    WITHDRAWALS,
)
from .unsupported import compare_unsupported

_ROWS_A_BATCH = 10_000
_Conditions: TypeAlias = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences between a delivery and its list. `change` is None when there were none.

    `changed` entries have the same hash and another category, tags, time or note. `disabled` rows
    stay out because the operator disabled their entries; `retained` entries stay although the
    delivery lacks them, because a row of theirs was damaged.
    """

    change: Change | None
    added: int
    withdrawn: int
    changed: int
    unchanged: int
    disabled: int
    retained: int


@dataclass(frozen=True, slots=True)
class Differences:
    """Differences of a staged delivery from its list at a generation, in temporary tables.

    `additions` is the table of the rows to add, with which all others are.
    """

    comparison: Comparison
    generation: int
    additions: Table

    def with_change(self, change: Change | None) -> Comparison:
        """Return the numbers, with the change that was published."""
        return replace(self.comparison, change=change)


def compare_staged(
    staging: Staging,
    row: HashList,
    session: Session,
    *,
    retain_all: bool = False,
    only_updated: bool = False,
    is_begun: bool = False,
) -> Differences:
    """Compare the staged rows with a list: entries to add, to withdraw and to change.

    With `retain_all` nothing is withdrawn, with `only_updated` nothing but what the delivery
    describes. `is_begun` says that the caller has begun to prepare a generation. Runs inside
    `Staging.comparing`.
    """
    before, staged = row.active_entries, staging.count(STAGED)
    listed = is_listed(row, is_begun=is_begun)
    within = is_updated() if only_updated else true()
    some_are_disabled = _has_disabled(session, row)
    disabled = _count_disabled(session, row) if some_are_disabled else 0
    additions = STAGED
    if before or some_are_disabled:
        additions = ADDITIONS
        _find_new(session, row, listed, some_are_disabled=some_are_disabled)
        staging.analyse(ADDITIONS)
    added = staging.count(additions)
    # Where the delivery has every entry, there is none to look for.
    known = staged - added - disabled
    retained = withdrawn = 0
    if before > known:
        retained = _count_retained(session, listed, within, retain_all=retain_all)
        withdrawn = 0 if retain_all else _find_missing(session, listed, within)
    changed = _find_changed(session, listed, within) if before > withdrawn and known else 0
    compare_unsupported(session, row, retain_all=retain_all, only_updated=only_updated)
    unchanged = before - withdrawn - retained - changed
    comparison = Comparison(None, added, withdrawn, changed, unchanged, disabled, retained)
    return Differences(comparison, row.generation, additions)


def read_additions(session: Session, additions: Table) -> Iterator[tuple[str, Sequence[bytes]]]:
    """Yield (algorithm, values) of the rows that applying them would add, in batches."""
    rows = session.execute(
        select(additions.c.algorithm, additions.c.value),
        execution_options={"yield_per": _ROWS_A_BATCH},
    )
    for batch in rows.partitions():
        for algorithm, some in groupby(sorted(batch, key=itemgetter(0)), itemgetter(0)):
            yield algorithm, [value for _, value in some]


def _same_entry(table: Table) -> list[ColumnElement[bool]]:
    """Say that an entry has the hash and id of a row."""
    return [getattr(Entry, name) == table.c[name] for name in IDENTITY]


def is_retained() -> ColumnElement[bool]:
    """Say that an entry is retained whatever the delivery lacks."""
    return Entry.entry_id.in_(select(RETAINED.c.entry_id))


def is_updated() -> ColumnElement[bool]:
    """Say that the delivery describes an entry."""
    return is_named() & Entry.entry_id.in_(select(UPDATES.c.entry_id))


def is_staged() -> ColumnElement[bool]:
    """Say that an entry was staged."""
    return exists().where(*_same_entry(STAGED)).correlate(Entry.__table__)


def is_disabled(row: HashList) -> ColumnElement[bool]:
    """Say that the operator disabled a staged entry, which then stays out."""
    disabled = (Entry.list_key == row.key, IS_DISABLED, *_same_entry(STAGED))
    return exists().where(*disabled).correlate(STAGED)


def _has_disabled(session: Session, row: HashList) -> bool:
    query = select(Entry.key).where(Entry.list_key == row.key, IS_DISABLED).limit(1)
    return session.scalar(query) is not None


def _count_disabled(session: Session, row: HashList) -> int:
    return session.scalar(select(func.count()).select_from(STAGED).where(is_disabled(row))) or 0


def _find_new(
    session: Session, row: HashList, listed: _Conditions, *, some_are_disabled: bool
) -> None:
    is_new = ~exists().where(*listed, *_same_entry(STAGED)).correlate(STAGED)
    rows = select(*STAGED.columns).where(
        is_new & ~is_disabled(row) if some_are_disabled else is_new
    )
    rows = rows.order_by(*STAGED.primary_key)
    session.execute(insert(ADDITIONS).from_select(STAGED.columns.keys(), rows))


def _count_retained(
    session: Session, listed: _Conditions, within: ColumnElement[bool], *, retain_all: bool
) -> int:
    retained = true() if retain_all else is_retained()
    missing = (*listed, within, retained, ~is_staged())
    return session.scalar(select(func.count()).select_from(Entry).where(*missing)) or 0


def _find_missing(session: Session, listed: _Conditions, within: ColumnElement[bool]) -> int:
    missing = select(Entry.key, Entry.entry_id, Entry.algorithm).where(
        *listed, within, ~is_staged(), ~is_retained()
    )
    names = ["entry_key", "entry_id", "algorithm"]
    return affected_rows(session, insert(WITHDRAWALS).from_select(names, missing))


def _find_changed(session: Session, listed: _Conditions, within: ColumnElement[bool]) -> int:
    differs = or_(*(getattr(Entry, name) != STAGED.c[name] for name in CONTENT))
    changed = select(Entry.key, *(STAGED.c[name] for name in CONTENT)).where(
        *listed, within, *_same_entry(STAGED), differs
    )
    return affected_rows(session, insert(CHANGES).from_select(["entry_key", *CONTENT], changed))
