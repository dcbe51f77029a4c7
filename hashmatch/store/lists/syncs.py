"""Syncs: the progress of lists along their sources, and the lease of the process at work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from hashmatch.errors import SyncLeaseError

from ..engine import affected_rows
from ..schema import HashList, ListSync, SyncRun, utc_now
from .generations import Counts
from .holders import is_gone

# A crashed process blocks others for this long; a running one renews the lease as it goes on.
LEASE_S = 900.0
CHANGED, UNCHANGED, FAILED, QUARANTINED = "changed", "unchanged", "failed", "quarantined"


@dataclass(frozen=True, slots=True)
class SyncFacts:
    """One attempt to sync a list; `cause` says why it failed or was quarantined.

    The counts are of the changes that were applied. `remark` is about what the guards could not
    check, and is not recorded.
    """

    started_at: datetime
    ended_at: datetime
    outcome: str
    cause: str
    generation: int
    counts: Counts
    rejected_rows: int
    remark: str = ""


def lease_sync(session: Session, row: HashList, holder: str, lease_s: float = LEASE_S) -> None:
    """Give `holder` the lease of the list for that time, or renew it.

    Raises `SyncLeaseError` while somebody else holds it whose process is not known to have died.
    """
    if (own := session.get(ListSync, row.key)) is None:
        own = ListSync(list_key=row.key, leased_by="")
        session.add(own)
        session.flush()
    now = utc_now()
    is_free = or_(
        ListSync.leased_until.is_(None), ListSync.leased_until < now, ListSync.leased_by == holder
    )
    if is_gone(own.leased_by):
        is_free |= ListSync.leased_by == own.leased_by
    taken = affected_rows(
        session,
        update(ListSync)
        .where(ListSync.list_key == row.key, is_free)
        .values(leased_by=holder, leased_until=now + timedelta(seconds=lease_s)),
    )
    if not taken:
        raise SyncLeaseError(
            f"list {row.name} is being synced by another process, or a file is imported into it",
            hint="Wait for it; the lease of a process that crashed on another host ends by itself.",
        )


def renew_lease(session: Session, row: HashList, holder: str) -> None:
    """Renew the lease of a list from now on.

    Raises `SyncLeaseError` where it has passed to another process, or the list was removed.
    """
    own = (ListSync.list_key == row.key, ListSync.leased_by == holder)
    until = utc_now() + timedelta(seconds=LEASE_S)
    if not affected_rows(session, update(ListSync).where(*own).values(leased_until=until)):
        raise _lost_lease(row)


def release_sync(session: Session, list_key: int, holder: str) -> None:
    """Release the lease of a list."""
    own = (ListSync.list_key == list_key, ListSync.leased_by == holder)
    session.execute(update(ListSync).where(*own).values(leased_by="", leased_until=None))


def read_checkpoint(session: Session, list_key: int, source: str) -> dict[str, Any]:
    """Return the checkpoint of the list at that source; empty where it followed another."""
    row = session.get(ListSync, list_key)
    if row is None or row.source != source:
        return {}
    checkpoint = json.loads(row.checkpoint)
    return checkpoint if isinstance(checkpoint, dict) else {}


def require_lease(session: Session, row: HashList, holder: str) -> None:
    """Raise `SyncLeaseError` where the lease has passed to another process meanwhile."""
    own = (ListSync.list_key == row.key, ListSync.leased_by == holder)
    if not affected_rows(session, update(ListSync).where(*own).values(leased_by=holder)):
        raise _lost_lease(row)


def _lost_lease(row: HashList) -> SyncLeaseError:
    return SyncLeaseError(
        f"the work on list {row.name} took longer than its lease, and another process began, or the"
        " list was removed",
        hint="Nothing was changed by this one.",
    )


def save_checkpoint(
    session: Session, row: HashList, holder: str, source: str, checkpoint: Mapping[str, Any]
) -> None:
    """Save the checkpoint of a list, in the transaction that took it there.

    Raises `SyncLeaseError` where the lease has passed to another process meanwhile.
    """
    require_lease(session, row, holder)
    move_checkpoint(session, row, source, checkpoint)


def move_checkpoint(
    session: Session, row: HashList, source: str, checkpoint: Mapping[str, Any]
) -> None:
    """Save the checkpoint of a list whose lease the caller is known to hold."""
    of_list = ListSync.list_key == row.key
    text = json.dumps(dict(checkpoint))
    session.execute(update(ListSync).where(of_list).values(source=source, checkpoint=text))


def forget_checkpoint(session: Session, list_key: int) -> None:
    """Delete the checkpoint, so that the next sync starts from the beginning."""
    session.execute(
        update(ListSync).where(ListSync.list_key == list_key).values(source="", checkpoint="{}")
    )


def record_run(session: Session, list_key: int, run: SyncFacts) -> None:
    """Record an attempt."""
    session.add(
        SyncRun(
            list_key=list_key,
            started_at=run.started_at,
            ended_at=run.ended_at,
            outcome=run.outcome,
            cause=run.cause,
            generation=run.generation,
            added=run.counts.added,
            withdrawn=run.counts.withdrawn,
            changed=run.counts.changed,
            rejected_rows=run.rejected_rows,
        )
    )


def has_succeeded(session: Session, list_key: int) -> bool:
    """Say whether the list ever followed its source to the end."""
    good = SyncRun.outcome.in_((CHANGED, UNCHANGED))
    found = select(SyncRun.key).where(SyncRun.list_key == list_key, good).limit(1)
    return session.scalar(found) is not None


def read_newest_runs(session: Session) -> dict[str, tuple[SyncFacts, ...]]:
    """Return for each list that was ever synced its newest attempt and its newest success."""
    newest: dict[str, tuple[SyncFacts, ...]] = {}
    rows = session.execute(
        select(ListSync.list_key, HashList.name).join(HashList, HashList.key == ListSync.list_key)
    )
    for list_key, name in rows:
        of_list = select(SyncRun).where(SyncRun.list_key == list_key).order_by(SyncRun.key.desc())
        last = session.scalar(of_list.limit(1))
        good = session.scalar(of_list.where(SyncRun.outcome.in_((CHANGED, UNCHANGED))).limit(1))
        newest[name] = tuple(_facts(run) for run in dict.fromkeys((last, good)) if run)
    return newest


def _facts(run: SyncRun) -> SyncFacts:
    return SyncFacts(
        run.started_at,
        run.ended_at,
        run.outcome,
        run.cause,
        run.generation,
        Counts(run.added, run.withdrawn, run.changed),
        run.rejected_rows,
    )
