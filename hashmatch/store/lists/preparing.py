"""Preparation of a generation: short transactions whose changes nobody sees, then publication.

Publishing costs the same for any delivery: the number of the generation becomes the list's. What a
crashed process prepared stays unseen; see `clearing`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, insert, literal, select, update
from sqlalchemy.orm import Session

from hashmatch.errors import SyncLeaseError

from ..engine import affected_rows, ignoring
from ..schema import Entry, EntryChange, HashList
from .comparing import Differences
from .entries import highest_key
from .figures import (
    ENTRIES,
    HASHES,
    Figures,
    change_figures,
    compare_figures,
    count_entries,
    replace_figures,
)
from .generations import Change, Counts, Keys, next_number, publish_generation
from .registry import ALLOW
from .staging import Staging
from .staging_tables import (
    CHANGES,
    CONTENT,
    IDENTITY,
    UNSUPPORTED_ADDITIONS,
    UNSUPPORTED_WITHDRAWALS,
    WITHDRAWALS,
)
from .syncs import renew_lease, require_lease
from .unsupported import (
    count_unsupported_changes,
    figure_of,
    insert_unsupported,
    withdraw_unsupported,
)


@dataclass(slots=True)
class Preparation:
    """A generation that the holder of its list's lease prepares.

    `generation` is the one that was in force when it began. The counts are of what was written.
    """

    row: HashList
    holder: str
    number: int
    generation: int
    first_key: int
    added: int = 0
    withdrawn: int = 0
    changed: int = 0
    unsupported: int = 0
    is_written: bool = False
    figures: Figures = field(default_factory=Counter)
    # All figures after the publication, and the generation that they follow, where others have
    # changed the list since the comparison.
    recount: tuple[int, Figures] | None = None


def begin_preparation(session: Session, row: HashList, holder: str) -> Preparation:
    """Begin to prepare the next generation of a list, from which leftovers were cleared.

    Raises `SyncLeaseError` where another process holds the lease.
    """
    require_lease(session, row, holder)
    row.preparing = next_number(row)
    row.clear_from = highest_key(session)
    session.flush()
    session.expunge(row)
    return Preparation(row, holder, row.preparing, row.generation, row.clear_from + 1)


def prepare(staging: Staging, preparation: Preparation, differences: Differences) -> None:
    """Write the differences of a delivery into the store, where nobody sees them yet."""
    preparation.is_written = True
    steps = _Steps(preparation, differences)
    with staging.reading() as session:
        preparation.figures = compare_figures(session, preparation.row, differences.additions)
        for algorithm, number in count_unsupported_changes(session).items():
            preparation.figures[figure_of(algorithm)] += number
    staging.walk(differences.additions, steps.add)
    staging.walk(WITHDRAWALS, steps.withdraw)
    staging.walk(CHANGES, steps.change)
    staging.walk(UNSUPPORTED_WITHDRAWALS, steps.withdraw_unsupported)
    staging.walk(UNSUPPORTED_ADDITIONS, steps.add_unsupported)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps of a preparation, each a part of the differences in a transaction of its own."""

    preparation: Preparation
    differences: Differences

    def add(self, session: Session, some: ColumnElement[bool]) -> None:
        self._renew(session)
        own, rows = self.preparation, self.differences.additions
        columns = [rows.c[name] for name in (*IDENTITY, *CONTENT)]
        allows = own.row.kind == ALLOW
        values = (own.row.key, own.number, False, allows)
        # In the order of the unique index, which then only grows at its end. An operator may have
        # added one of them meanwhile.
        new = select(*map(literal, values), *columns).where(some).order_by(*rows.primary_key)
        names = ["list_key", "added_generation", "disabled", "allows", *IDENTITY, *CONTENT]
        statement = ignoring(session.connection(), Entry).from_select(names, new)
        own.added += affected_rows(session, statement)

    def withdraw(self, session: Session, some: ColumnElement[bool]) -> None:
        self._renew(session)
        own = self.preparation
        keys = select(WITHDRAWALS.c.entry_key).where(some)
        own.withdrawn += affected_rows(
            session,
            update(Entry)
            .where(Entry.key.in_(keys), Entry.withdrawn_generation.is_(None))
            .values(withdrawn_generation=own.number)
            .execution_options(synchronize_session=False),
        )

    def change(self, session: Session, some: ColumnElement[bool]) -> None:
        self._renew(session)
        own = self.preparation
        values = (literal(own.row.key), literal(own.number))
        rows = select(CHANGES.c.entry_key, *values, *(CHANGES.c[name] for name in CONTENT))
        names = ["entry_key", "list_key", "generation", *CONTENT]
        statement = insert(EntryChange).from_select(names, rows.where(some))
        own.changed += affected_rows(session, statement)

    def withdraw_unsupported(self, session: Session, some: ColumnElement[bool]) -> None:
        self._renew(session)
        own = self.preparation
        own.unsupported += withdraw_unsupported(session, own.number, some)

    def add_unsupported(self, session: Session, some: ColumnElement[bool]) -> None:
        self._renew(session)
        own = self.preparation
        own.unsupported += insert_unsupported(session, own.row, own.number, some)

    def _renew(self, session: Session) -> None:
        renew_lease(session, self.preparation.row, self.preparation.holder)


def abandon(session: Session, row: HashList, preparation: Preparation) -> None:
    """Give up a preparation; what it has written is left to be cleared."""
    require_lease(session, row, preparation.holder)
    if not preparation.is_written:
        row.preparing = row.clear_from = None


def recount(staging: Staging, preparation: Preparation) -> None:
    """Count the list as it is after publication, if others have changed it meanwhile."""
    with staging.reading() as session:
        row = session.get_one(HashList, preparation.row.key)
        if row.generation != preparation.generation:
            preparation.recount = row.generation, count_entries(session, row)


def publish(
    session: Session, preparation: Preparation, row: HashList, *, source: str
) -> Change | None:
    """Publish what was prepared, None where no entry changed; the list is free for others then.

    Raises `SyncLeaseError` where the list was removed, or its lease has passed to another process.
    """
    require_lease(session, row, preparation.holder)
    if row.preparing != preparation.number:
        raise SyncLeaseError(
            f"list {row.name} was changed by another process while a delivery was applied",
            hint="Nothing was changed by this one; try again.",
        )
    _follow_figures(session, preparation, row)
    counts = Counts(preparation.added, preparation.withdrawn, preparation.changed)
    row.preparing = row.clear_from = None
    has_changed = any((counts.added, counts.withdrawn, counts.changed))
    # Unsupported hashes have the number, too: given again, it would hide them, or delete them.
    if not has_changed and not preparation.unsupported:
        return None
    keys = Keys(preparation.first_key, highest_key(session)) if counts.added else None
    change = publish_generation(
        session, row, counts, source=source, keys=keys, prepared_as=preparation.number
    )
    return change if has_changed else None


def _follow_figures(session: Session, preparation: Preparation, row: HashList) -> None:
    if not preparation.is_written:
        return
    if row.generation == preparation.generation:
        change_figures(session, row.key, preparation.figures)
        return
    generation, counted = preparation.recount or (-1, Counter())
    if generation != row.generation:  # Changed again since then, which is as rare as it is slow.
        counted = count_entries(session, row)
    others = {
        one: number
        for one, number in preparation.figures.items()
        if one[0] not in (HASHES, ENTRIES)
    }
    replace_figures(session, row.key, {**counted, **others})
    total = sum(number for (subject, _), number in counted.items() if subject == HASHES)
    preparation.withdrawn = row.active_entries + preparation.added - total
