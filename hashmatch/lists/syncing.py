"""A list brought up to date from its source: once at a time, whole deliveries only, on record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from hashmatch.errors import HashmatchError
from hashmatch.store import (
    CHANGED,
    FAILED,
    UNCHANGED,
    Counts,
    Database,
    SyncFacts,
    create_list,
    find_list,
    has_list,
    lease_sync,
    read_checkpoint,
    record_run,
    release_sync,
    save_checkpoint,
    utc_now,
)

from .importing import ImportSummary, take_delivery
from .sources import Fetch, ListSource

# Who dies holds up others for so long; who lives renews it as it reads.
_LEASE_S = 900.0


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
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> SyncFacts:
    """Bring a list to the state of its source; the list is made if it is new.

    Each delivery is taken over in one transaction with its checkpoint, so that whatever stops a
    sync leaves the list at the last whole one. A failure is recorded, and then raised:
    `SourceError`, `ListFileError` or `StoreError`. Raises `SyncLeaseError` while another process
    is at it.
    """
    lease = _take_lease(database, name)
    begun = utc_now()
    summaries: list[ImportSummary] = []
    try:
        with database.reading() as session:
            checkpoint = read_checkpoint(session, lease.list_key, source.name)
            is_empty = not find_list(session, name).active_entries
        with closing(source.fetch(checkpoint, is_empty=is_empty)) as fetches:
            summaries.extend(_take(lease, source, fetch, progress) for fetch in fetches)
    except HashmatchError as error:
        _end(lease, _facts(begun, FAILED, error.message, summaries))
        raise
    except BaseException as error:
        _end(lease, _facts(begun, FAILED, type(error).__name__, summaries))
        raise
    has_changed = any(one.comparison.change for one in summaries)
    facts = _facts(begun, CHANGED if has_changed else UNCHANGED, "", summaries)
    return _end(lease, facts)


def _take_lease(database: Database, name: str) -> _Lease:
    holder = f"{os.getpid()}-{uuid4().hex[:16]}"
    with database.writing() as session:
        row = find_list(session, name) if has_list(session, name) else create_list(session, name)
        lease_sync(session, row, holder, _LEASE_S)
        return _Lease(database, name, row.key, holder)


def _take(
    lease: _Lease, source: ListSource, fetch: Fetch, progress: Callable[[int], None]
) -> ImportSummary:
    renewed_at_s = time.monotonic()

    def renew_and_tell(rows: int) -> None:
        nonlocal renewed_at_s
        progress(rows)
        if time.monotonic() - renewed_at_s > _LEASE_S / 3:
            with lease.database.writing() as session:
                row = find_list(session, lease.list_name)
                lease_sync(session, row, lease.holder, _LEASE_S)
            renewed_at_s = time.monotonic()

    return take_delivery(
        lease.database,
        lease.list_name,
        fetch.delivery,
        source=source.name,
        progress=renew_and_tell,
        in_the_same_transaction=lambda session, row: save_checkpoint(
            session, row, lease.holder, source.name, fetch.checkpoint
        ),
    )


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
