"""Policies in the store: which one is in force since when, and the reason of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from hashmatch.errors import InputError, NotFoundError

from .engine import audit, is_sqlite
from .schema import PolicyChange, RecordedPolicy, require_text, utc_now

# Hosts under different configurations would put each other's policy into force by turns, at each
# start. A policy comes into force so often a day on record; after that both are in force.
_CHANGES_A_DAY, _DAY = 3, timedelta(days=1)
_SEEN_EVERY = timedelta(hours=1)
_LOCK = 7_254_036  # Of PostgreSQL's advisory locks: one start at a time writes.
_MAX_REASON = 4_000


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A policy on record. `is_unexplained` where it replaced another and has no reason."""

    key: int
    digest: str
    facts: Mapping[str, Any]
    last_seen_at: datetime | None
    reason: str
    evaluation: Mapping[str, Any] | None
    explained_by: str
    explained_at: datetime | None
    is_unexplained: bool


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A change of policy on record; the first one has nothing before it."""

    key: int
    changed_at: datetime
    policy: PolicyRecord
    before: PolicyRecord | None


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """Policy of a process that starts."""

    digest: str
    facts: Mapping[str, Any]


def find_in_force(session: Session) -> PolicyRecord | None:
    """Return the policy that came into force last; None where none is on record."""
    newest = _newest(session)
    return None if newest is None else _record(session, newest)


def _newest(session: Session) -> RecordedPolicy | None:
    query = (
        select(RecordedPolicy)
        .join(PolicyChange, PolicyChange.policy_key == RecordedPolicy.key)
        .order_by(PolicyChange.key.desc())
        .limit(1)
    )
    return session.scalar(query)


def find_policy(session: Session, digest: str) -> PolicyRecord | None:
    """Return the policy with that digest; None where it is not on record."""
    row = _find(session, digest)
    return None if row is None else _record(session, row)


def _find(session: Session, digest: str) -> RecordedPolicy | None:
    return session.scalar(select(RecordedPolicy).where(RecordedPolicy.digest == digest))


def find_noted(session: Session, new: NewPolicy) -> PolicyRecord | None:
    """Return the policy of a start of which nothing is left to note; None where something is.

    That is its change, or that it was seen, once an hour.
    """
    row, now = _newest(session), utc_now()
    if row is None or row.digest != new.digest:
        row = _find(session, new.digest)
        if row is None or _changes_of_a_day(session, row, now) < _CHANGES_A_DAY:
            return None
    if row.last_seen_at is None or row.last_seen_at < now - _SEEN_EVERY:
        return None
    return _record(session, row)


def _changes_of_a_day(session: Session, row: RecordedPolicy, now: datetime) -> int:
    since = PolicyChange.policy_key == row.key, PolicyChange.changed_at > now - _DAY
    return session.scalar(select(func.count()).select_from(PolicyChange).where(*since)) or 0


def note_start(
    session: Session,
    new: NewPolicy,
    changes_between: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]],
) -> PolicyRecord:
    """Note that a process starts under a policy, and return it as it is on record.

    Where it is not in force, that puts it into force, which is audited. Of many that start at
    once under a new policy one records it.
    """
    if not is_sqlite(session):
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    newest, now = _newest(session), utc_now()
    row = _find(session, new.digest) or _add(session, new)
    row.last_seen_at = now
    earlier = _changes_of_a_day(session, row, now)
    if (newest is None or newest.key != row.key) and earlier < _CHANGES_A_DAY:
        changes = {} if newest is None else changes_between(json.loads(newest.facts), new.facts)
        _put_into_force(session, row, newest, changes, alternates=earlier == _CHANGES_A_DAY - 1)
        session.flush()
    return _record(session, row)


def _put_into_force(
    session: Session,
    row: RecordedPolicy,
    before: RecordedPolicy | None,
    changes: Mapping[str, Any],
    *,
    alternates: bool,
) -> None:
    before_key = None if before is None else before.key
    change = PolicyChange(policy_key=row.key, before_key=before_key)
    session.add(change)
    if before is None:
        audit(session, "policy.in_force", change, {"policy": row.digest})
        return
    facts = {
        "policy": row.digest,
        "before": before.digest,
        "changes": changes,
        "reason": row.reason,
        "evaluation": _parsed(row.evaluation),
        # From here on starts under either are no changes, until a day has gone by.
        "alternates": alternates,
    }
    audit(session, "policy.changed", change, facts)


def _add(session: Session, new: NewPolicy) -> RecordedPolicy:
    facts = json.dumps(dict(new.facts), sort_keys=True, separators=(",", ":"))
    row = RecordedPolicy(digest=new.digest, facts=facts)
    session.add(row)
    session.flush()
    audit(session, "policy.recorded", row, {"policy": row.digest})
    return row


def explain_policy(
    session: Session,
    wanted: str | NewPolicy,
    *,
    reason: str,
    evaluation: Mapping[str, Any] | None,
    actor: str,
) -> PolicyRecord:
    """Record the reason of a policy, by the begin of its digest; a new one is recorded with it.

    Raises `InputError` for a reason that is empty or too long, and `NotFoundError`.
    """
    reason = reason.strip()
    require_text(reason, actor)
    if not reason or len(reason) > _MAX_REASON:
        raise InputError(f"a reason has 1 to {_MAX_REASON} characters")
    if isinstance(wanted, NewPolicy):
        if not is_sqlite(session):
            session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        row = _find(session, wanted.digest) or _add(session, wanted)
    else:
        row = _find_by_beginning(session, wanted)
    row.reason, row.explained_by, row.explained_at = reason, actor, utc_now()
    row.evaluation = "" if evaluation is None else json.dumps(evaluation, sort_keys=True)
    facts = {
        "policy": row.digest,
        "reason": reason,
        "evaluation": evaluation,
        "actor": actor,
    }
    audit(session, "policy.explained", row, facts)
    session.flush()
    return _record(session, row)


def _find_by_beginning(session: Session, beginning: str) -> RecordedPolicy:
    if not beginning.isalnum():
        raise InputError(f"{beginning!r} is not the begin of a digest")
    query = select(RecordedPolicy).where(RecordedPolicy.digest.startswith(beginning.lower()))
    rows = session.scalars(query.order_by(RecordedPolicy.key).limit(2)).all()
    if len(rows) > 1:
        raise InputError(f"more than one policy begins with {beginning}", hint="Give more of it.")
    if not rows:
        raise NotFoundError(
            f"there is no policy {beginning}", hint="'hashmatch policy history' names them."
        )
    return rows[0]


def read_changes(session: Session, *, limit: int, before: int | None = None) -> list[ChangeRecord]:
    """Return the newest changes of policy, newest first, those before a key if one is given."""
    earlier = aliased(RecordedPolicy)
    query = (
        select(PolicyChange, RecordedPolicy, earlier)
        .join(RecordedPolicy, RecordedPolicy.key == PolicyChange.policy_key)
        .outerjoin(earlier, earlier.key == PolicyChange.before_key)
        .order_by(PolicyChange.key.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(PolicyChange.key < before)
    return [
        ChangeRecord(
            change.key,
            change.changed_at,
            _record(session, row),
            None if was is None else _record(session, was),
        )
        for change, row, was in session.execute(query)
    ]


def read_seen_since(session: Session, since: datetime) -> list[str]:
    """Return the digests of policies under which a process started since then."""
    query = select(RecordedPolicy.digest).where(RecordedPolicy.last_seen_at >= since)
    return list(session.scalars(query.order_by(RecordedPolicy.last_seen_at.desc()).limit(100)))


def _record(session: Session, row: RecordedPolicy) -> PolicyRecord:
    return PolicyRecord(
        key=row.key,
        digest=row.digest,
        facts=json.loads(row.facts),
        last_seen_at=row.last_seen_at,
        reason=row.reason,
        evaluation=_parsed(row.evaluation),
        explained_by=row.explained_by,
        explained_at=row.explained_at,
        is_unexplained=not row.reason and _has_replaced(session, row),
    )


def _has_replaced(session: Session, row: RecordedPolicy) -> bool:
    replaced = PolicyChange.policy_key == row.key, PolicyChange.before_key.is_not(None)
    return session.scalar(select(PolicyChange.key).where(*replaced).limit(1)) is not None


def _parsed(evaluation: str) -> Mapping[str, Any] | None:
    found: dict[str, Any] | None = json.loads(evaluation) if evaluation else None
    return found
