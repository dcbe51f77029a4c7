"""Syncs: lists brought up to date from their sources, by one process at a time, on record."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError, LicenceExpiredError
from hashmatch.hashers import ALGORITHMS
from hashmatch.policy import Policy
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    CHANGED,
    FAILED,
    LEASE_S,
    MATCH,
    QUARANTINED,
    UNCHANGED,
    Comparison,
    Counts,
    Quarantine,
    Staging,
    SyncFacts,
    find_list,
    find_or_create_list,
    find_quarantine,
    has_succeeded,
    hide_quarantined,
    lease_sync,
    new_lease_holder,
    quarantine_delivery,
    read_checkpoint,
    record_run,
    release_sync,
    renew_lease,
    save_checkpoint,
)
from hashmatch.store.schema import HashList, utc_now

from .applying import Additions, BlockedDelivery, Oversight
from .guards import Guards
from .importing import ImportSummary, apply_delivery
from .sources import Fetch, ListSource


@dataclass(frozen=True, slots=True)
class _Lease:
    """Exclusive right of this process to sync a list."""

    database: Database
    list_name: str
    list_key: int
    holder: str


def sync_list(
    database: Database,
    name: str,
    source: ListSource,
    settings: Settings | None = None,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> SyncFacts:
    """Bring a list up to date from its source; the list is created if it is new.

    `settings`, by default those without a configuration file, give its guards and thresholds.

    Each delivery is applied in one transaction with its checkpoint, so that any interruption leaves
    the list at its last complete delivery. A delivery that a guard objects to is quarantined, and
    the sync ends there. A failure is recorded, and then raised: `ConfigError`, `SourceError`,
    `ListFileError` or `StoreError`. Raises `SyncLeaseError` while another process syncs the list,
    `LicenceExpiredError` after the end of its licence, and `InputError` where it is not of the kind
    that the settings give.
    """
    settings = settings or Settings()
    section = settings.lists.get(name)
    lease = _acquire_lease(database, name, section.kind if section else MATCH)
    started_at = utc_now()
    applied: list[ImportSummary] = []
    try:
        objection, remark = _apply_fetches(lease, source, settings, progress, applied)
    except HashmatchError as error:
        _finish(lease, _facts(started_at, FAILED, error.message, applied))
        raise
    except BaseException as error:
        # The message of a foreign error may quote the list, so that only its type is recorded.
        _finish(lease, _facts(started_at, FAILED, type(error).__name__, applied))
        raise
    has_changed = any(one.comparison.change for one in applied)
    outcome = QUARANTINED if objection else CHANGED if has_changed else UNCHANGED
    facts = _facts(started_at, outcome, objection, applied)
    return _finish(lease, replace(facts, remark=remark))


def _acquire_lease(database: Database, name: str, kind: str) -> _Lease:
    holder = new_lease_holder()
    with database.writing() as session:
        row, _ = find_or_create_list(session, name, kind)
        if row.licence_end is not None and utc_now().date() > row.licence_end:
            raise LicenceExpiredError(
                f"the licence of list {name} ended on {row.licence_end}, so it is not synced",
                hint=f"Extend it with 'hashmatch lists licence {name} --end DATE'.",
            )
        lease_sync(session, row, holder)
        return _Lease(database, name, row.key, holder)


def _apply_fetches(
    lease: _Lease,
    source: ListSource,
    settings: Settings,
    progress: Callable[[int], None],
    applied: list[ImportSummary],
) -> tuple[str, str]:
    """Apply new deliveries one by one, up to one that is quarantined.

    Returns why it was, "" where none was, and the remark of the guards. `applied` receives the
    summary of each delivery that was applied.
    """
    with lease.database.reading() as session:
        checkpoint = read_checkpoint(session, lease.list_key, source.name)
        row = find_list(session, lease.list_name)
        before = row.active_entries
        quarantined = find_quarantine(session, row)
        # A list that an operator imported is not new either, although it was never synced.
        was_filled = has_succeeded(session, row.key) or (before > 0 and not checkpoint)
    section = settings.lists.get(lease.list_name)
    limits = (section and section.guards) or settings.guards
    guards = Guards(limits, Policy(settings, ALGORITHMS), before, is_first=not was_filled)
    with closing(source.fetch(checkpoint, is_empty=not before)) as fetches:
        for fetch in fetches:
            # A known checkpoint saves reading and quarantining the same delivery at every sync.
            if quarantined and fetch.checkpoint and _is_same(quarantined, source, fetch):
                reason = quarantined.reason
                return reason if quarantined.rejected_at is None else f"{reason}; rejected", ""
            summary = _apply_fetch(lease, source, fetch, guards, progress)
            if summary.objection:
                return summary.objection, guards.remark()
            applied.append(summary)
    return "", guards.remark()


def _is_same(quarantined: Quarantine, source: ListSource, fetch: Fetch) -> bool:
    """Say whether a delivery, before it is read, is the quarantined one."""
    is_of_source = quarantined.source == source.name
    return is_of_source and dict(quarantined.checkpoint) == dict(fetch.checkpoint)


def _apply_fetch(
    lease: _Lease,
    source: ListSource,
    fetch: Fetch,
    guards: Guards,
    progress: Callable[[int], None],
) -> ImportSummary:
    renewed_at_s = time.monotonic()

    def renew_and_report(rows: int) -> None:
        nonlocal renewed_at_s
        progress(rows)
        # Early enough that a renewal that is late still comes before the lease ends.
        if time.monotonic() - renewed_at_s > LEASE_S / 3:
            with lease.database.writing() as session:
                row = find_list(session, lease.list_name)
                renew_lease(session, row, lease.holder)
            renewed_at_s = time.monotonic()

    return apply_delivery(
        lease.database,
        lease.list_name,
        fetch.delivery,
        source=source.name,
        progress=renew_and_report,
        oversight=_SyncOversight(lease, source.name, fetch, guards),
    )


@dataclass(frozen=True, slots=True)
class _SyncOversight(Oversight):
    """Oversight of a sync: its guards object, and its checkpoint is saved with each delivery."""

    lease: _Lease
    source_name: str
    fetch: Fetch
    guards: Guards

    def holder(self) -> str:
        return self.lease.holder

    def examine(self, row: HashList, additions: Additions, renew: Callable[[], None]) -> None:
        self.guards.examine(row, additions, renew)

    def objection(self, session: Session, row: HashList, comparison: Comparison) -> str:
        return self.guards.objection(row, comparison)

    def quarantine(
        self, staging: Staging, row: HashList, blocked: BlockedDelivery
    ) -> Callable[[Session, HashList], object]:
        return quarantine_delivery(
            staging,
            row,
            self.holder(),
            source=self.source_name,
            checkpoint=self.fetch.checkpoint,
            reason=blocked.reason,
            is_full=blocked.is_full,
            retain_all=blocked.retain_all,
            comparison=blocked.comparison,
        )

    def applied(self, session: Session, row: HashList, comparison: Comparison) -> None:
        save_checkpoint(session, row, self.holder(), self.source_name, self.fetch.checkpoint)
        hide_quarantined(session, row.key)


def _facts(
    started_at: datetime, outcome: str, cause: str, summaries: list[ImportSummary]
) -> SyncFacts:
    compared = [one.comparison for one in summaries]
    return SyncFacts(
        started_at=started_at,
        ended_at=utc_now(),
        outcome=outcome,
        cause=cause,
        generation=0,  # Filled in by `_finish`.
        counts=Counts(
            added=sum(one.added for one in compared),
            withdrawn=sum(one.withdrawn for one in compared),
            changed=sum(one.changed for one in compared),
        ),
        rejected_rows=sum(one.rejected.count for one in summaries),
    )


def _finish(lease: _Lease, facts: SyncFacts) -> SyncFacts:
    """Record the attempt, with the generation now in force, and release the list."""
    with lease.database.writing() as session:
        # The list may have been removed while it was synced.
        row = find_list(session, lease.list_name, removed_too=True)
        recorded = replace(facts, generation=row.generation)
        record_run(session, lease.list_key, recorded)
        release_sync(session, lease.list_key, lease.holder)
        return recorded
