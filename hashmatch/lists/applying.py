"""Applying of a staged delivery: compared, judged, prepared in short turns, and published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy.orm import Session

from hashmatch.errors import HashmatchError, ListFileError
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    Comparison,
    Differences,
    Preparation,
    Staging,
    abandon,
    begin_preparation,
    compare_staged,
    delete_hidden,
    find_list,
    find_or_create_list,
    finish_publication,
    lease_sync,
    needs_settling,
    new_lease_holder,
    prepare,
    publish,
    read_additions,
    recount,
    release_sync,
    renew_lease,
    settle_list,
)
from hashmatch.store.schema import HashList

# Gives, in batches, (algorithm, values) that a delivery adds.
Additions: TypeAlias = Iterator[tuple[str, Sequence[bytes]]]


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms on which a delivery is applied.

    With the error `would_empty` the list must have no active entries, or else it is raised.
    """

    source: str
    is_full: bool
    retain_all: bool
    would_empty: ListFileError | None = None


@dataclass(frozen=True, slots=True)
class BlockedDelivery:
    """Delivery that met an objection, and how it would have been applied."""

    reason: str
    comparison: Comparison
    is_full: bool
    retain_all: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """Result of applying a delivery; with an objection the list is as it was."""

    is_new: bool
    generation: int
    comparison: Comparison
    objection: str


class Oversight:
    """Hooks before and in the transaction that applies a delivery; by default they do nothing.

    Without a holder the lease of the list is taken for as long as the delivery is applied.
    """

    def holder(self) -> str:
        """Return the holder of the lease that the caller has, "" for none."""
        return ""

    def begin(self, session: Session, row: HashList) -> None:
        """Look at the list before anything is compared with it."""

    def examine(self, row: HashList, additions: Additions, renew: Callable[[], None]) -> None:
        """Look at what the delivery would add; `renew` is to be called all the while."""

    def objection(self, session: Session, row: HashList, comparison: Comparison) -> str:
        """Return why the delivery must not be applied, "" where it may."""
        return ""

    def quarantine(
        self, staging: Staging, row: HashList, blocked: BlockedDelivery
    ) -> Callable[[Session, HashList], object]:
        """Quarantine a delivery that met an objection, as `quarantine_delivery` does."""
        raise NotImplementedError

    def applied(self, session: Session, row: HashList, comparison: Comparison) -> None:
        """React to a delivery that was applied, in the transaction that publishes it."""


def apply_staged(
    database: Database,
    staging: Staging,
    name: str,
    kind: str,
    terms: Terms,
    oversight: Oversight,
    *,
    renew: Callable[[], None] = lambda: None,
    actor: str = "",
) -> Applied:
    """Replace a list by what was staged, or with an incremental delivery what it describes.

    Whatever interrupts this, the list is as it was, or as the delivery has it. The list is created
    if it is new. The audit log names `actor`. Raises `SyncLeaseError` while another process works
    on the list, and the error of the terms.
    """
    with _begun(database, name, kind, terms, oversight) as (preparation, is_new):
        with staging.comparing() as session:
            row = find_list(session, name)
            differences = _compare(staging, session, row, terms)
            oversight.examine(row, read_additions(session, differences.additions), renew)
        with database.reading() as session:
            row = find_list(session, name)
            objection = oversight.objection(session, row, differences.comparison)
        finish: Callable[[Session, HashList], object] | None = None
        if objection:
            blocked = BlockedDelivery(
                objection, differences.comparison, terms.is_full, terms.retain_all
            )
            finish = oversight.quarantine(staging, row, blocked)
        else:
            prepare(staging, preparation, differences)
            recount(staging, preparation)
        with staging.writing(actor) as session:
            row = find_list(session, name)
            change = publish(session, preparation, row, source=terms.source)
            comparison = differences.with_change(change)
            if not objection:
                oversight.applied(session, row, comparison)
            elif finish is not None:
                finish(session, row)
            if not oversight.holder():
                release_sync(session, row.key, preparation.holder)
    finish_publication(database.turns(), preparation.row.key)
    delete_hidden(database.turns(), preparation.row.key)
    return Applied(is_new, row.generation, comparison, objection)


def _compare(staging: Staging, session: Session, row: HashList, terms: Terms) -> Differences:
    return compare_staged(
        staging,
        row,
        session,
        retain_all=terms.retain_all,
        only_updated=not terms.is_full,
        is_begun=True,
    )


@contextmanager
def _begun(
    database: Database, name: str, kind: str, terms: Terms, oversight: Oversight
) -> Iterator[tuple[Preparation, bool]]:
    """Begin a preparation, after what was left of another is cleared away; give up on errors."""
    holder = oversight.holder() or new_lease_holder()
    with database.writing() as session:
        row, is_new = find_or_create_list(session, name, kind)
        if terms.would_empty is not None and row.active_entries:
            raise terms.would_empty
        oversight.begin(session, row)
        if oversight.holder():
            renew_lease(session, row, holder)
        else:
            lease_sync(session, row, holder)
        is_clear = not needs_settling(session, row)
        list_key = row.key
        preparation = begin_preparation(session, row, holder) if is_clear else None
    try:
        if preparation is None:
            settle_list(database.turns(), list_key, holder)
            with database.writing() as session:
                preparation = begin_preparation(session, find_list(session, name), holder)
        yield preparation, is_new
    except BaseException:
        with suppress(HashmatchError), database.writing() as session:
            if preparation is not None:
                abandon(session, find_list(session, name), preparation)
            if not oversight.holder():
                release_sync(session, list_key, holder)
        raise
