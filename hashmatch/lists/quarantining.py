"""What a person does about a delivery that was held back: look at it, let it in, turn it down."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

from hashmatch.errors import NotFoundError
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    CHANGED,
    UNCHANGED,
    Comparison,
    Counts,
    Difference,
    Quarantine,
    Staging,
    SyncFacts,
    find_list,
    find_quarantine,
    lease_sync,
    open_staging,
    read_differences,
    record_run,
    reject_quarantine,
    release_quarantine,
    release_sync,
    require_quarantine,
    save_checkpoint,
    stage_again,
    take_over,
    take_over_kept,
)
from hashmatch.store.schema import utc_now

from .syncing import LEASE_S


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """A delivery that is held back, and the first of the entries that it would change."""

    quarantine: Quarantine
    differences: list[Difference]


def view_quarantine(database: Database, name: str, *, limit: int) -> QuarantineView:
    """Return what is held back of a list. Raises `NotFoundError` where nothing is."""
    with database.reading() as session:
        found = find_quarantine(session, find_list(session, name))
    if found is None:
        raise NotFoundError(
            f"nothing is held back of list {name}",
            hint="'hashmatch lists status' shows how its last sync went.",
        )
    if found.rejected_at is not None:
        return QuarantineView(found, [])
    with _staged_again(database, found.number) as staging, staging.looking() as session:
        row = find_list(session, name)
        return QuarantineView(found, list(islice(read_differences(session, row, found), limit)))


def confirm_delivery(database: Database, name: str, number: int) -> Comparison:
    """Take a delivery over after all, as it is shown; the next sync goes on behind it.

    Raises `NotFoundError` where it is no longer that delivery that is held back, and
    `SyncLeaseError` while the list is synced.
    """
    holder = f"{os.getpid()}-{uuid4().hex[:16]}"
    with database.writing() as session:
        row = find_list(session, name)
        require_quarantine(session, row, number)
        lease_sync(session, row, holder, LEASE_S)
        list_key = row.key
    begun = utc_now()
    try:
        with (
            _staged_again(database, number) as staging,
            staging.taking_over() as session,
        ):
            row = find_list(session, name)
            found = require_quarantine(session, row, number)
            only_told = not found.is_whole
            comparison = take_over(
                session,
                row,
                source=f"{found.source}, confirmed by an operator",
                keep_all=found.keep_all,
                only_told=only_told,
            )
            take_over_kept(session, row, keep_all=found.keep_all, only_told=only_told)
            save_checkpoint(session, row, holder, found.source, found.checkpoint)
            release_quarantine(session, row.key)
            counts = Counts(comparison.added, comparison.withdrawn, comparison.changed)
            outcome = CHANGED if comparison.change else UNCHANGED
            facts = SyncFacts(begun, utc_now(), outcome, "", row.generation, counts, 0)
            record_run(session, row.key, facts)
    finally:
        with database.writing() as session:
            release_sync(session, list_key, holder)
    return comparison


def reject_delivery(database: Database, name: str, number: int) -> None:
    """Turn a delivery down: its rows are deleted, and the very same one is not looked at again.

    Raises `NotFoundError` where it is no longer that delivery that is held back.
    """
    with database.writing() as session:
        row = find_list(session, name)
        require_quarantine(session, row, number)
        reject_quarantine(session, row, number)


@contextmanager
def _staged_again(database: Database, number: int) -> Iterator[Staging]:
    with open_staging(database) as staging:
        stage_again(staging, number)
        yield staging
