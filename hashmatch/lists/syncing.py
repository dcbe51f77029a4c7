"""A list brought up to date from its source: once at a time, whole deliveries only, on record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError, LicenceExpiredError
from hashmatch.hashers import ALGORITHMS
from hashmatch.policy import Policy
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    CHANGED,
    FAILED,
    MATCH,
    QUARANTINED,
    UNCHANGED,
    Comparison,
    Counts,
    Quarantine,
    SyncFacts,
    find_list,
    find_or_create_list,
    find_quarantine,
    has_succeeded,
    hold_back,
    lease_sync,
    read_checkpoint,
    record_run,
    release_quarantine,
    release_sync,
    require_lease,
    save_checkpoint,
)
from hashmatch.store.schema import HashList, utc_now

from .guards import Guards
from .importing import HeldBack, ImportSummary, Oversight, take_delivery
from .sources import Fetch, ListSource

# Who dies holds up others for so long; who lives renews it as it reads.
LEASE_S = 900.0


@dataclass(frozen=True, slots=True)
class _Lease:
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
    """Bring a list to the state of its source; the list is made if it is new.

    The settings, by default those of no configuration, have its guards and thresholds.
    Each delivery is taken over in one transaction with its checkpoint, so that whatever stops a
    sync leaves the list at the last whole one. One that the guards object to is held back, and the
    sync ends there. A failure is recorded, and then raised: `ConfigError`, `SourceError`,
    `ListFileError` or `StoreError`. Raises `SyncLeaseError` while another process is at it, and
    `LicenceExpiredError` after the end of the list's licence, and `InputError` where the list is
    not of the kind that the settings say.
    """
    settings = settings or Settings()
    own = settings.lists.get(name)
    lease = _take_lease(database, name, own.kind if own else MATCH)
    begun = utc_now()
    done: list[ImportSummary] = []
    try:
        objection = _follow(lease, source, settings, progress, done)
    except HashmatchError as error:
        _end(lease, _facts(begun, FAILED, error.message, done))
        raise
    except BaseException as error:
        _end(lease, _facts(begun, FAILED, type(error).__name__, done))
        raise
    if objection:
        return _end(lease, _facts(begun, QUARANTINED, objection, done))
    has_changed = any(one.comparison.change for one in done)
    return _end(lease, _facts(begun, CHANGED if has_changed else UNCHANGED, "", done))


def _take_lease(database: Database, name: str, kind: str) -> _Lease:
    holder = f"{os.getpid()}-{uuid4().hex[:16]}"
    with database.writing() as session:
        row, _ = find_or_create_list(session, name, kind)
        if row.licence_end is not None and utc_now().date() > row.licence_end:
            raise LicenceExpiredError(
                f"the licence of list {name} ended on {row.licence_end}, so it is not synced",
                hint=f"Extend it with 'hashmatch lists licence {name} --end DATE'.",
            )
        lease_sync(session, row, holder, LEASE_S)
        return _Lease(database, name, row.key, holder)


def _follow(
    lease: _Lease,
    source: ListSource,
    settings: Settings,
    progress: Callable[[int], None],
    done: list[ImportSummary],
) -> str:
    """Take what is new over, delivery by delivery; returns why one was held back, "" if none."""
    with lease.database.reading() as session:
        checkpoint = read_checkpoint(session, lease.list_key, source.name)
        row = find_list(session, lease.list_name)
        before = row.active_entries
        held = find_quarantine(session, row)
        has_followed = has_succeeded(session, row.key) or (before > 0 and not checkpoint)
    own = settings.lists.get(lease.list_name)
    limits = (own and own.guards) or settings.guards
    guards = Guards(limits, Policy(settings, ALGORITHMS), before, is_first=not has_followed)
    with closing(source.fetch(checkpoint, is_empty=not before)) as fetches:
        for fetch in fetches:
            if held and fetch.checkpoint and _is_same(held, source, fetch):
                return held.reason if held.rejected_at is None else f"{held.reason}; turned down"
            summary = _take(lease, source, fetch, guards, progress)
            if summary.objection:
                return summary.objection
            done.append(summary)
    return ""


def _is_same(held: Quarantine, source: ListSource, fetch: Fetch) -> bool:
    """Say whether a delivery is, before it is read, the one that is held back."""
    return held.source == source.name and dict(held.checkpoint) == dict(fetch.checkpoint)


def _take(
    lease: _Lease,
    source: ListSource,
    fetch: Fetch,
    guards: Guards,
    progress: Callable[[int], None],
) -> ImportSummary:
    renewed_at_s = time.monotonic()

    def renew_and_tell(rows: int) -> None:
        nonlocal renewed_at_s
        progress(rows)
        if time.monotonic() - renewed_at_s > LEASE_S / 3:
            with lease.database.writing() as session:
                row = find_list(session, lease.list_name)
                lease_sync(session, row, lease.holder, LEASE_S)
            renewed_at_s = time.monotonic()

    return take_delivery(
        lease.database,
        lease.list_name,
        fetch.delivery,
        source=source.name,
        progress=renew_and_tell,
        oversight=_SyncOversight(lease, source.name, fetch, guards),
    )


@dataclass(frozen=True, slots=True)
class _SyncOversight(Oversight):
    lease: _Lease
    source_name: str
    fetch: Fetch
    guards: Guards

    def objection(self, session: Session, row: HashList, comparison: Comparison) -> str:
        return self.guards.objection(session, row, comparison)

    def hold_back(self, session: Session, row: HashList, held: HeldBack) -> None:
        require_lease(session, row, self.lease.holder)
        hold_back(
            session,
            row,
            source=self.source_name,
            checkpoint=self.fetch.checkpoint,
            reason=held.reason,
            is_whole=held.is_whole,
            keep_all=held.keep_all,
            comparison=held.comparison,
        )

    def taken(self, session: Session, row: HashList) -> None:
        save_checkpoint(session, row, self.lease.holder, self.source_name, self.fetch.checkpoint)
        release_quarantine(session, row.key)


def _facts(begun: datetime, outcome: str, cause: str, summaries: list[ImportSummary]) -> SyncFacts:
    compared = [one.comparison for one in summaries]
    return SyncFacts(
        started_at=begun,
        ended_at=utc_now(),
        outcome=outcome,
        cause=cause,
        generation=0,
        counts=Counts(
            added=sum(one.added for one in compared),
            withdrawn=sum(one.withdrawn for one in compared),
            changed=sum(one.changed for one in compared),
        ),
        set_aside=sum(one.set_aside.count for one in summaries),
    )


def _end(lease: _Lease, facts: SyncFacts) -> SyncFacts:
    """Record the attempt, with the generation now in force, and let others at the list."""
    with lease.database.writing() as session:
        row = find_list(session, lease.list_name, removed_too=True)
        recorded = replace(facts, generation=row.generation)
        record_run(session, lease.list_key, recorded)
        release_sync(session, lease.list_key, lease.holder)
        return recorded
