"""Quarantine: deliveries that a guard stopped, shown, accepted and rejected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.orm import Session

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
    compare_staged,
    delete_hidden,
    find_list,
    find_quarantine,
    hide_quarantined,
    move_checkpoint,
    open_staging,
    read_differences,
    record_run,
    reject_quarantined,
    require_quarantine,
    restage,
)
from hashmatch.store.schema import HashList, utc_now

from .applying import Oversight, Terms, apply_staged


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
    with _restaged(database, found.number) as staging:
        with staging.comparing() as session:
            compared = compare_staged(
                staging,
                find_list(session, name),
                session,
                retain_all=found.retain_all,
                only_updated=not found.is_full,
            )
        with staging.reading() as session:
            differences = read_differences(session, compared.additions)
            return QuarantineView(found, list(islice(differences, limit)))


def accept_delivery(database: Database, name: str, number: int, *, actor: str = "") -> Comparison:
    """Accept and apply a quarantined delivery; the next sync continues after it.

    The audit log names `actor`, by default that of the database.
    Raises `NotFoundError` where another delivery, or none, is quarantined, and `SyncLeaseError`
    while the list is synced.
    """
    with database.reading() as session:
        row = find_list(session, name)
        found = require_quarantine(session, row, number)
    terms = Terms(f"{found.source}, accepted by an operator", found.is_full, found.retain_all)
    with _restaged(database, number) as staging:
        applied = apply_staged(
            database, staging, name, row.kind, terms, _Acceptance(found), actor=actor
        )
    return applied.comparison


class _Acceptance(Oversight):
    """Oversight of a delivery that an operator accepts, whatever guards say."""

    def __init__(self, found: Quarantine) -> None:
        self._found = found
        self._started_at = utc_now()

    def begin(self, session: Session, row: HashList) -> None:
        """Check that the delivery is still there: an import may have discarded it since."""
        require_quarantine(session, row, self._found.number)

    def applied(self, session: Session, row: HashList, comparison: Comparison) -> None:
        """Save the checkpoint and record the run."""
        found = require_quarantine(session, row, self._found.number)
        move_checkpoint(session, row, found.source, found.checkpoint)
        hide_quarantined(session, row.key)
        counts = Counts(comparison.added, comparison.withdrawn, comparison.changed)
        outcome = CHANGED if comparison.change else UNCHANGED
        facts = SyncFacts(self._started_at, utc_now(), outcome, "", row.generation, counts, 0)
        record_run(session, row.key, facts)


def reject_delivery(database: Database, name: str, number: int, *, actor: str = "") -> None:
    """Reject a quarantined delivery: its rows are deleted, and syncs skip it from now on.

    The audit log names `actor`, by default that of the database. Raises `NotFoundError` where
    another delivery, or none, is quarantined.
    """
    with database.writing(actor) as session:
        row = find_list(session, name)
        require_quarantine(session, row, number)
        reject_quarantined(session, row, number)
        list_key = row.key
    delete_hidden(database.turns(), list_key)


@contextmanager
def _restaged(database: Database, number: int) -> Iterator[Staging]:
    with open_staging(database) as staging:
        restage(staging, number)
        yield staging
