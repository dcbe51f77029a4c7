"""Exchanges: the lease of the process that sends to one, its pauses, and what was taken up for it.

Changes of a list are taken up in the order in which they were published, so that none is missed,
and an entry that was withdrawn before it was sent is never sent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from hashmatch.errors import ExchangeLeaseError

from ..engine import affected_rows, ignoring, upsert
from ..lists import is_gone
from ..schema import (
    Exchange,
    ExchangeCursor,
    ExchangeEntry,
    HashList,
    SendingState,
    SharedEntry,
    SharedList,
    utc_now,
)
from .consumers import Visibility

# A crashed process of another host blocks others for this long; each step renews it.
_LEASE = timedelta(minutes=10)
# The position of a list that was removed, and is withdrawn from the exchange.
_REMOVED = -1
_UNSENT = (SendingState.WAITING, SendingState.WITHDRAWING)


@dataclass(frozen=True, slots=True)
class ExchangeStanding:
    """Why nothing is sent to an exchange until a time; nothing of that where it is not paused.

    Where it `is_blocked`, a person has to do something. `failures` are those in a row.
    """

    paused_until: datetime | None = None
    problem: str = ""
    is_blocked: bool = False
    failures: int = 0

    @property
    def is_paused(self) -> bool:
        """Say whether nothing is sent at the moment."""
        return self.paused_until is not None and self.paused_until > utc_now()


def find_standing(session: Session, name: str) -> ExchangeStanding:
    """Return how an exchange stands; as one that is not paused where nothing was ever sent."""
    row = session.get(Exchange, name)
    if row is None:
        return ExchangeStanding()
    return ExchangeStanding(row.paused_until, row.problem, row.is_blocked, row.failures)


def read_exchange_names(session: Session) -> list[str]:
    """Return the names of all exchanges that anything was ever sent to."""
    return list(session.scalars(select(Exchange.name).order_by(Exchange.name)))


def lease_exchange(session: Session, name: str, holder: str) -> None:
    """Give `holder` the lease of an exchange: one process at a time sends to it.

    Raises `ExchangeLeaseError` while somebody else holds it whose process is not known to have
    died.
    """
    first = {"name": name, "leased_by": "", "problem": "", "failures": 0}
    session.execute(ignoring(session.connection(), Exchange), [first])
    leased_by = session.scalar(select(Exchange.leased_by).where(Exchange.name == name)) or ""
    now = utc_now()
    is_free = or_(
        Exchange.leased_until.is_(None), Exchange.leased_until < now, Exchange.leased_by == holder
    )
    if is_gone(leased_by):
        is_free |= Exchange.leased_by == leased_by
    statement = update(Exchange).where(Exchange.name == name, is_free)
    if not affected_rows(session, statement.values(leased_by=holder, leased_until=now + _LEASE)):
        raise ExchangeLeaseError(f"another process sends to exchange {name}")


def renew_exchange(session: Session, name: str, holder: str) -> None:
    """Renew the lease of an exchange. Raises `ExchangeLeaseError` where it has passed on."""
    own = (Exchange.name == name, Exchange.leased_by == holder)
    until = utc_now() + _LEASE
    if not affected_rows(session, update(Exchange).where(*own).values(leased_until=until)):
        raise ExchangeLeaseError(f"another process has taken over exchange {name}")


def release_exchange(session: Session, name: str, holder: str) -> None:
    """Release the lease of an exchange."""
    own = (Exchange.name == name, Exchange.leased_by == holder)
    session.execute(update(Exchange).where(*own).values(leased_by="", leased_until=None))


def pause_exchange(
    session: Session, name: str, *, wait: timedelta, problem: str, is_blocked: bool
) -> None:
    """Send nothing to an exchange for that time."""
    row = session.get_one(Exchange, name)
    row.paused_until, row.problem, row.is_blocked = utc_now() + wait, problem, is_blocked
    row.failures += 1


def resume_exchange(session: Session, name: str) -> None:
    """End the pause of an exchange, as after a success."""
    row = session.get(Exchange, name)
    if row is not None and (row.paused_until is not None or row.failures):
        row.paused_until, row.problem, row.is_blocked, row.failures = None, "", False, 0


def has_work(session: Session, name: str, conditions: Mapping[int, str]) -> bool:
    """Say whether anything is to be taken up, sent or withdrawn now.

    `conditions` are those of the lists that are sent, by their keys.
    """
    standing = _positions(session, conditions)
    for list_key, wanted in conditions.items():
        cursor = session.get(ExchangeCursor, (name, list_key))
        if cursor is None or cursor.conditions != wanted:
            return True
        if cursor.position < standing.get(list_key, 0) or _has_due(session, name, list_key):
            return True
    return any(
        row.position != _REMOVED or _has_due(session, name, row.list_key)
        for row in _removed(session, name)
    )


def take_up(
    session: Session,
    name: str,
    row: HashList,
    visibility: Visibility,
    conditions: str,
    *,
    limit: int,
) -> bool:
    """Take up the next changes of a list for an exchange; say whether there may be more."""
    cursor = _cursor(session, name, row.key)
    if cursor.conditions != conditions or cursor.position < 0:
        cursor.conditions, cursor.position = conditions, 0
    query = (
        select(SharedEntry)
        .where(SharedEntry.list_key == row.key, SharedEntry.position > cursor.position)
        .order_by(SharedEntry.position)
        .limit(limit)
    )
    changed = list(session.scalars(query))
    known = _known(session, name, row.key, [one.entry_id for one in changed])
    rows = []
    for one in changed:
        is_shown = visibility.shows(one.entry_id, json.loads(one.categories))
        is_wanted = is_shown and not one.withdrawn
        if is_wanted or one.entry_id in known:
            rows.append(_values(name, one, is_wanted=is_wanted))
    if rows:
        new = upsert(session, ExchangeEntry)
        names = ("position", "state", "attempts", "next_attempt_at", "problem")
        changes = {one: getattr(new.excluded, one) for one in names}
        keys = ["exchange", "list_key", "entry_id"]
        session.execute(new.on_conflict_do_update(index_elements=keys, set_=changes), rows)
    if changed:
        cursor.position = changed[-1].position
    return len(changed) == limit


def take_up_removed(session: Session, name: str, *, limit: int) -> bool:
    """Have the entries of removed lists withdrawn from an exchange; say whether there are more."""
    for cursor in _removed(session, name):
        if cursor.position == _REMOVED:
            continue
        those = (ExchangeEntry.exchange == name, ExchangeEntry.list_key == cursor.list_key)
        done = (SendingState.WITHDRAWN, SendingState.WITHDRAWING)
        states = [one for one in SendingState if one not in done]
        query = select(ExchangeEntry).where(*those, ExchangeEntry.state.in_(states)).limit(limit)
        found = list(session.scalars(query))
        for one in found:
            one.state, one.attempts, one.problem = SendingState.WITHDRAWING, 0, ""
            one.next_attempt_at = utc_now()
        if len(found) == limit:
            return True
        cursor.position = _REMOVED
    return False


def removed_lists(session: Session, name: str) -> list[int]:
    """Return the keys of removed lists of which an exchange may have entries."""
    return [one.list_key for one in _removed(session, name)]


def _values(name: str, one: SharedEntry, *, is_wanted: bool) -> dict[str, object]:
    return {
        "exchange": name,
        "list_key": one.list_key,
        "entry_id": one.entry_id,
        "position": one.position,
        "state": SendingState.WAITING if is_wanted else SendingState.WITHDRAWING,
        "attempts": 0,
        "next_attempt_at": utc_now(),
        "problem": "",
    }


def _cursor(session: Session, name: str, list_key: int) -> ExchangeCursor:
    found = session.get(ExchangeCursor, (name, list_key))
    if found is None:
        found = ExchangeCursor(exchange=name, list_key=list_key, position=0, conditions="")
        session.add(found)
    return found


def _known(session: Session, name: str, list_key: int, ids: Sequence[str]) -> set[str]:
    query = select(ExchangeEntry.entry_id).where(
        ExchangeEntry.exchange == name,
        ExchangeEntry.list_key == list_key,
        ExchangeEntry.entry_id.in_(ids),
    )
    return set(session.scalars(query)) if ids else set()


def _positions(session: Session, list_keys: Collection[int]) -> dict[int, int]:
    query = select(SharedList).where(SharedList.list_key.in_(sorted(list_keys)))
    return {one.list_key: one.position for one in session.scalars(query)}


def _has_due(session: Session, name: str, list_key: int) -> bool:
    query = select(ExchangeEntry.entry_id).where(
        ExchangeEntry.exchange == name,
        ExchangeEntry.list_key == list_key,
        ExchangeEntry.state.in_(_UNSENT),
        ExchangeEntry.next_attempt_at <= utc_now(),
    )
    return session.scalar(query.limit(1)) is not None


def _removed(session: Session, name: str) -> list[ExchangeCursor]:
    query = (
        select(ExchangeCursor)
        .join(HashList, HashList.key == ExchangeCursor.list_key)
        .where(ExchangeCursor.exchange == name, HashList.removed_at.is_not(None))
        .order_by(ExchangeCursor.list_key)
    )
    return list(session.scalars(query))
