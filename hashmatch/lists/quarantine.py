"""Quarantine: deliveries that a guard stopped, shown, accepted and rejected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

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
    apply_staged,
    apply_unsupported,
    discard_quarantined,
    find_list,
    find_quarantine,
    lease_sync,
    open_staging,
    read_differences,
    record_run,
    reject_quarantined,
    release_sync,
    require_quarantine,
    restage,
    save_checkpoint,
)
from hashmatch.store.schema import utc_now

from .syncing import LEASE_S, new_lease_holder


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """A quarantined delivery, and the first of the entries that it would change."""

    quarantine: Quarantine
    differences: list[Difference]


def view_quarantine(database: Database, name: str, *, limit: int) -> QuarantineView:
    """Return the quarantined delivery of a list, with up to `limit` entries that it would change.

    A rejected delivery has no entries any more. Raises `NotFoundError` where there is none.
    """
    with database.reading() as session:
        found = find_quarantine(session, find_list(session, name))
    if found is None:
        raise NotFoundError(
            f"list {name} has no quarantined delivery",
            hint="'hashmatch lists status' shows the result of its last sync.",
        )
    if found.rejected_at is not None:
        return QuarantineView(found, [])
    with _restaged(database, found.number) as staging, staging.reading() as session:
        row = find_list(session, name)
        return QuarantineView(found, list(islice(read_differences(session, row, found), limit)))


def accept_delivery(database: Database, name: str, number: int, *, actor: str = "") -> Comparison:
    """Accept and apply a quarantined delivery; the next sync continues after it.

    The audit log names `actor`, by default that of the database.
    Raises `NotFoundError` where another delivery, or none, is quarantined, and `SyncLeaseError`
    while the list is synced.
    """
    # A sync that ran at the same time would overwrite the checkpoint.
    holder = new_lease_holder()
    with database.writing() as session:
        row = find_list(session, name)
        require_quarantine(session, row, number)
        lease_sync(session, row, holder, LEASE_S)
        list_key = row.key
    started_at = utc_now()
    try:
        with (
            _restaged(database, number) as staging,
            staging.applying(actor) as session,
        ):
            row = find_list(session, name)
            # Checked again: an import may have discarded the delivery since.
            found = require_quarantine(session, row, number)
            only_updated = not found.is_full
            comparison = apply_staged(
                session,
                row,
                source=f"{found.source}, accepted by an operator",
                retain_all=found.retain_all,
                only_updated=only_updated,
            )
            apply_unsupported(session, row, retain_all=found.retain_all, only_updated=only_updated)
            save_checkpoint(session, row, holder, found.source, found.checkpoint)
            discard_quarantined(session, row.key)
            counts = Counts(comparison.added, comparison.withdrawn, comparison.changed)
            outcome = CHANGED if comparison.change else UNCHANGED
            facts = SyncFacts(started_at, utc_now(), outcome, "", row.generation, counts, 0)
            record_run(session, row.key, facts)
    finally:
        with database.writing() as session:
            release_sync(session, list_key, holder)
    return comparison


def reject_delivery(database: Database, name: str, number: int, *, actor: str = "") -> None:
    """Reject a quarantined delivery: its rows are deleted, and syncs skip it from now on.

    The audit log names `actor`, by default that of the database. Raises `NotFoundError` where
    another delivery, or none, is quarantined.
    """
    with database.writing(actor) as session:
        row = find_list(session, name)
        require_quarantine(session, row, number)
        reject_quarantined(session, row, number)


@contextmanager
def _restaged(database: Database, number: int) -> Iterator[Staging]:
    with open_staging(database) as staging:
        restage(staging, number)
        yield staging
