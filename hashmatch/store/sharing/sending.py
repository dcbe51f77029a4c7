"""Entries at an exchange: which are due, what it has of each, and what became of an attempt.

What is sent is written before, and deleted only once it is known to be gone: a process that dies at
any step leaves no entry at an exchange that nobody knows of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError

from ..engine import audit, overwrite_deleted
from ..schema import (
    ExchangeCursor,
    ExchangeEntry,
    ExchangeItem,
    HashList,
    SendingState,
    utc_now,
)
from .consumers import Visibility
from .reading import SharedItem, find_shared_entry

_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class DueEntry:
    """An entry that is to be sent, or withdrawn, at the position of its newest change."""

    exchange: str
    list_key: int
    list_name: str
    entry_id: str
    position: int

    def facts(self) -> dict[str, object]:
        """Return what the audit log says of it."""
        return {"exchange": self.exchange, "list": self.list_name, "entry": self.entry_id}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of an entry that an exchange is to have, and the digest of all that is sent of it."""

    algorithm: str
    value: bytes = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class SentItem:
    """A part of an entry that an exchange has or may have.

    `is_new` says that it was never sent before, `remote_id` is empty where it is not known.
    """

    key: int
    algorithm: str
    value: bytes = field(repr=False)
    remote_id: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of an entry that are to be withdrawn, and those to be sent, with their digests."""

    withdrawn: Sequence[SentItem]
    sent: Sequence[tuple[SentItem, str]]


@dataclass(frozen=True, slots=True)
class SendingFacts:
    """How an entry stands at an exchange."""

    exchange: str
    list_name: str
    entry_id: str
    state: SendingState
    attempts: int
    next_attempt_at: datetime | None
    problem: str


def next_due(
    session: Session, name: str, list_keys: Collection[int], *, limit: int
) -> list[DueEntry]:
    """Return entries of these lists that are due at an exchange, withdrawals first."""
    found: list[DueEntry] = []
    for state in (SendingState.WITHDRAWING, SendingState.WAITING):
        for list_key in sorted(list_keys):
            query = (
                select(ExchangeEntry, HashList.name)
                .join(HashList, HashList.key == ExchangeEntry.list_key)
                .where(
                    ExchangeEntry.exchange == name,
                    ExchangeEntry.list_key == list_key,
                    ExchangeEntry.state == state,
                    ExchangeEntry.next_attempt_at <= utc_now(),
                )
                .order_by(ExchangeEntry.next_attempt_at)
                .limit(limit)
            )
            for row, list_name in session.execute(query):
                found.append(DueEntry(name, list_key, list_name, row.entry_id, row.position))
    return found[:limit]


def find_wanted_entry(session: Session, due: DueEntry, visibility: Visibility) -> SharedItem | None:
    """Return an entry as it is now; None where an exchange is not to have it, or not any more."""
    row = session.get_one(HashList, due.list_key)
    if row.removed_at is not None:
        return None
    return find_shared_entry(session, row, visibility, due.entry_id)


def plan_sending(
    session: Session, due: DueEntry, wanted: Sequence[Wanted], *, are_shared: bool
) -> Plan:
    """Return what is to be withdrawn and sent of an entry, all of it written as maybe there.

    Where hashes `are_shared`, an exchange has one object for all entries with the same hash: it
    stays as long as another entry has it, which is sent again with its own facts.
    """
    rows = {(one.algorithm, one.value): one for one in session.scalars(_items(due))}
    chosen = {(one.algorithm, one.value): one for one in wanted}
    withdrawn = []
    for key, row in rows.items():
        if key in chosen:
            continue
        if are_shared and _hand_over(session, row):
            continue
        withdrawn.append(_as_item(row))
    sent = []
    for key, one in chosen.items():
        known = rows.get(key)
        if known is not None and known.sent_digest == one.digest:
            continue
        row = _new_item(due, one) if known is None else known
        row.sent_digest = ""
        session.add(row)
        session.flush()
        sent.append((_as_item(row, is_new=known is None), one.digest))
    return Plan(withdrawn, sent)


def note_sent_item(
    session: Session, due: DueEntry, item: SentItem, digest: str, remote_id: str
) -> None:
    """Record that an exchange has a part of an entry, by its id there if it says one."""
    audit(session, "exchange.sent", None, {**due.facts(), **_of_part(item)})
    row = session.get(ExchangeItem, item.key)
    if row is not None:
        row.sent_digest, row.remote_id = digest, remote_id or row.remote_id


def note_withdrawn_item(session: Session, due: DueEntry, item: SentItem) -> None:
    """Record that an exchange does not have a part of an entry any more."""
    audit(session, "exchange.withdrawn", None, {**due.facts(), **_of_part(item)})
    forget_item(session, item.key)


def forget_item(session: Session, key: int) -> None:
    """Delete the record of a part that an exchange does not have."""
    overwrite_deleted(session)
    session.execute(delete(ExchangeItem).where(ExchangeItem.key == key))


def end_sending(session: Session, due: DueEntry, state: SendingState) -> None:
    """Record that an exchange has an entry as it is, or does not have it any more."""
    if (row := _locked(session, due)) is not None:
        row.state, row.attempts, row.problem, row.next_attempt_at = state, 0, "", None


def refuse_sending(session: Session, due: DueEntry, problem: str) -> None:
    """Record that an exchange refuses an entry for good: a person has to look at it."""
    audit(session, "exchange.refused", None, {**due.facts(), "problem": problem})
    if (row := _locked(session, due)) is not None:
        row.state, row.problem, row.next_attempt_at = SendingState.REFUSED, problem, None


def retry_sending(session: Session, due: DueEntry, problem: str) -> None:
    """Record that an attempt failed, and have the entry sent again later."""
    if (row := _locked(session, due)) is not None:
        row.attempts, row.problem = row.attempts + 1, problem
        doubled = _FIRST_WAIT * 2 ** min(row.attempts - 1, 20)
        row.next_attempt_at = utc_now() + min(doubled, _LONGEST_WAIT)


def resend_refused(session: Session, name: str, *, limit: int) -> int:
    """Have refused entries sent again; returns how many, and at most `limit`."""
    rows: list[ExchangeEntry] = []
    # One list after the other, as the index has them.
    for list_key in _lists_of(session, name):
        query = select(ExchangeEntry).where(
            ExchangeEntry.exchange == name,
            ExchangeEntry.list_key == list_key,
            ExchangeEntry.state == SendingState.REFUSED,
        )
        rows += session.scalars(query.limit(limit - len(rows)))
    for row in rows:
        _restart(row)
    audit(session, "exchange.resent", None, {"exchange": name, "entries": len(rows)})
    return len(rows)


def resend_entry(session: Session, name: str, list_name: str, entry_id: str) -> None:
    """Have an entry sent again, also where the exchange has it. Raises `NotFoundError`."""
    row = _find(session, name, list_name, entry_id)
    _restart(row)
    due = DueEntry(name, row.list_key, list_name, entry_id, row.position)
    for item in session.scalars(_items(due)):
        item.sent_digest = ""
    audit(session, "exchange.resent", None, due.facts())


def drop_entry(session: Session, name: str, list_name: str, entry_id: str) -> None:
    """Give up an entry that was not sent or withdrawn yet, until it is changed.

    What the exchange has of it stays there. Raises `NotFoundError`.
    """
    row = _find(session, name, list_name, entry_id)
    if row.state not in (SendingState.REFUSED, SendingState.WAITING, SendingState.WITHDRAWING):
        raise NotFoundError(f"entry {entry_id} of list {list_name} is {row.state}: nothing is due")
    row.state, row.next_attempt_at = SendingState.DROPPED, None
    due = DueEntry(name, row.list_key, list_name, entry_id, row.position)
    audit(session, "exchange.dropped", None, due.facts())


def count_entries(session: Session, name: str) -> Mapping[str, Mapping[SendingState, int]]:
    """Return how many entries of each list are in which state at an exchange."""
    query = (
        select(HashList.name, ExchangeEntry.state, func.count())
        .join(HashList, HashList.key == ExchangeEntry.list_key)
        .where(ExchangeEntry.exchange == name)
        .group_by(HashList.name, ExchangeEntry.state)
    )
    found: dict[str, dict[SendingState, int]] = {}
    for list_name, state, number in session.execute(query):
        found.setdefault(list_name, {})[SendingState(state)] = number
    return found


def read_unsent(
    session: Session, name: str, list_keys: Collection[int], *, limit: int
) -> list[SendingFacts]:
    """Return entries that were refused, dropped, or are still to be sent or withdrawn."""
    states = (
        SendingState.REFUSED, SendingState.DROPPED, SendingState.WITHDRAWING, SendingState.WAITING,
    )  # fmt: skip
    found: list[SendingFacts] = []
    for state in states:
        for list_key in sorted(list_keys):
            query = (
                select(ExchangeEntry, HashList.name)
                .join(HashList, HashList.key == ExchangeEntry.list_key)
                .where(
                    ExchangeEntry.exchange == name,
                    ExchangeEntry.list_key == list_key,
                    ExchangeEntry.state == state,
                )
                .order_by(ExchangeEntry.next_attempt_at)
                .limit(limit)
            )
            found += [_facts(*one) for one in session.execute(query)]
    return found[:limit]


def _lists_of(session: Session, name: str) -> list[int]:
    query = select(ExchangeCursor.list_key).where(ExchangeCursor.exchange == name)
    return list(session.scalars(query.order_by(ExchangeCursor.list_key)))


def _items(due: DueEntry) -> Select[ExchangeItem]:
    query = select(ExchangeItem).where(
        ExchangeItem.exchange == due.exchange,
        ExchangeItem.list_key == due.list_key,
        ExchangeItem.entry_id == due.entry_id,
    )
    return query.order_by(ExchangeItem.key)


def _of_part(item: SentItem) -> dict[str, str]:
    """Return which hash a part is; nothing of an entry as a whole."""
    return {"algorithm": item.algorithm} if item.algorithm else {}


def _hand_over(session: Session, row: ExchangeItem) -> bool:
    """Leave a hash to another entry that has it, too; say whether there is one."""
    query = select(ExchangeItem).where(
        ExchangeItem.exchange == row.exchange,
        ExchangeItem.algorithm == row.algorithm,
        ExchangeItem.value == row.value,
        ExchangeItem.key != row.key,
    )
    other = session.scalar(query.order_by(ExchangeItem.key).limit(1))
    if other is None:
        return False
    other.sent_digest, other.remote_id = "", other.remote_id or row.remote_id
    entry = session.get(ExchangeEntry, (other.exchange, other.list_key, other.entry_id))
    if entry is not None and entry.state in (SendingState.SENT, SendingState.DROPPED):
        _restart(entry)
    forget_item(session, row.key)
    return True


def _restart(row: ExchangeEntry) -> None:
    row.state, row.attempts, row.problem = SendingState.WAITING, 0, ""
    row.next_attempt_at = utc_now()


def _locked(session: Session, due: DueEntry) -> ExchangeEntry | None:
    """Return the row of an entry; None where a later change of it was taken up meanwhile."""
    key = (due.exchange, due.list_key, due.entry_id)
    row = session.get(ExchangeEntry, key, with_for_update=True)
    return row if row is not None and row.position == due.position else None


def _find(session: Session, name: str, list_name: str, entry_id: str) -> ExchangeEntry:
    query = (
        select(ExchangeEntry)
        .join(HashList, HashList.key == ExchangeEntry.list_key)
        .where(
            ExchangeEntry.exchange == name,
            HashList.name == list_name,
            ExchangeEntry.entry_id == entry_id,
        )
    )
    row = session.scalar(query.with_for_update(of=ExchangeEntry))
    if row is None:
        raise NotFoundError(
            f"exchange {name} has nothing to do with entry {entry_id[:64]} of list {list_name}",
            hint="'hashmatch sharing exchanges --entries' lists what is waiting or refused.",
        )
    return row


def _new_item(due: DueEntry, one: Wanted) -> ExchangeItem:
    return ExchangeItem(
        exchange=due.exchange,
        list_key=due.list_key,
        entry_id=due.entry_id,
        algorithm=one.algorithm,
        value=one.value,
        remote_id="",
        sent_digest="",
    )


def _as_item(row: ExchangeItem, *, is_new: bool = False) -> SentItem:
    return SentItem(row.key, row.algorithm, row.value, row.remote_id, is_new)


def _facts(row: ExchangeEntry, list_name: str) -> SendingFacts:
    return SendingFacts(
        row.exchange,
        list_name,
        row.entry_id,
        SendingState(row.state),
        row.attempts,
        row.next_attempt_at,
        row.problem,
    )
