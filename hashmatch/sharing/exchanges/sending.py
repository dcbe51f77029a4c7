"""Sending to exchanges: changes are taken up in order, and each entry is sent until it is there.

Everything is written before it is sent and again once it was answered, so that a process may die at
any step: an entry is sent at least once, and no exchange has one that nobody knows of.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import assert_never

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import ExchangeLeaseError, ForbiddenError, UnknownListError
from hashmatch.store.engine import Database
from hashmatch.store.lists import new_lease_holder
from hashmatch.store.schema import SendingState
from hashmatch.store.sharing import (
    DueEntry,
    ExchangeStanding,
    Plan,
    SentItem,
    SharedItem,
    Visibility,
    end_sending,
    find_standing,
    find_wanted_entry,
    forget_item,
    has_work,
    lease_exchange,
    next_due,
    note_sent_item,
    note_withdrawn_item,
    pause_exchange,
    plan_sending,
    refuse_sending,
    release_exchange,
    removed_lists,
    renew_exchange,
    resume_exchange,
    retry_sending,
    take_up,
    take_up_removed,
)

from ..publishing import RefusedList, require_shareable
from .interface import Accepted, Answered, Failed, Halted, OutgoingEntry, Refused
from .opening import conditions_of, open_exchange

_ENTRIES_AT_ONCE = 20
# So many failures in a row are the exchange's, and not an entry's.
_FAILURES_IN_A_ROW = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 3600.0


@dataclass(slots=True)
class Sent:
    """Result of a turn: how many entries were sent, withdrawn, refused, and failed.

    `problem` says why it ended early; where it `is_blocked`, a person has to do something.
    `refused_lists` are not sent.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problem: str = ""
    is_blocked: bool = False
    refused_lists: list[RefusedList] = field(default_factory=list)


def send_to_exchange(
    database: Database,
    settings: Settings,
    name: str,
    *,
    by_hand: bool = False,
    limit_s: float = float("inf"),
) -> Sent:
    """Send to an exchange what it lacks, and withdraw what it is not to have any more.

    Ends when nothing is due, after about `limit_s`, or where the exchange has to be left alone for
    a time. A person, `by_hand`, does not wait for an exchange that is blocked. Another process that
    does the same is left alone. Raises `ConfigError`, `InputError` and `StoreError`.
    """
    turn = _Turn(database, settings, name)
    if turn.is_idle(by_hand=by_hand):
        return turn.sent
    try:
        with database.writing() as session:
            lease_exchange(session, name, turn.holder)
    except ExchangeLeaseError:
        return turn.sent
    try:
        turn.run(limit_s)
    except ExchangeLeaseError as error:
        turn.sent.problem = error.message
        return turn.sent
    finally:
        with database.writing() as session:
            release_exchange(session, name, turn.holder)
    return turn.sent


class _Turn:
    """One turn of sending to an exchange."""

    def __init__(self, database: Database, settings: Settings, name: str) -> None:
        self._database = database
        self._settings = settings
        self._name = name
        self._client = open_exchange(settings, name)
        self._section = settings.sharing.exchanges[name]
        self._visibility = Visibility(frozenset(self._section.categories))
        self._is_ended = False
        self._failures = 0
        self.holder = new_lease_holder()
        self.sent = Sent()

    def is_idle(self, *, by_hand: bool) -> bool:
        """Say whether there is nothing to do now."""
        with self._database.reading() as session:
            lists = self._lists(session)
            standing = find_standing(session, self._name)
            if standing.is_paused and not (by_hand and standing.is_blocked):
                self.sent.problem, self.sent.is_blocked = standing.problem, standing.is_blocked
                return True
            return not has_work(session, self._name, self._conditions(lists))

    def run(self, limit_s: float) -> None:
        """Take up all changes, and send what is due."""
        until_s = time.monotonic() + limit_s
        keys = self._take_up()
        while not self._is_ended and time.monotonic() < until_s:
            with self._database.reading() as session:
                due = next_due(session, self._name, keys, limit=_ENTRIES_AT_ONCE)
            if not due:
                return
            for one in due:
                if self._is_ended or time.monotonic() >= until_s:
                    return
                self._send(one)

    def _lists(self, session: Session) -> dict[str, int]:
        """Return the keys of the lists that may be sent; notes why others may not."""
        found, self.sent.refused_lists = {}, []
        for one in self._section.lists:
            try:
                found[one] = require_shareable(session, self._settings, one).key
            except (ForbiddenError, UnknownListError) as error:
                self.sent.refused_lists.append(RefusedList(one, error))
        return found

    def _conditions(self, lists: Mapping[str, int]) -> dict[int, str]:
        return {
            key: conditions_of(self._settings, self._name, one, self._client)
            for one, key in lists.items()
        }

    def _take_up(self) -> list[int]:
        """Take up what was published; returns the keys of lists that entries are sent of."""
        with self._database.reading() as session:
            lists = self._lists(session)
        for one, wanted in zip(lists, self._conditions(lists).values(), strict=True):
            self._in_turns(partial(self._take_up_of, one, wanted))
        self._in_turns(lambda session, limit: take_up_removed(session, self._name, limit=limit))
        with self._database.reading() as session:
            return [*lists.values(), *removed_lists(session, self._name)]

    def _take_up_of(self, name: str, wanted: str, session: Session, limit: int) -> bool:
        row = require_shareable(session, self._settings, name)
        return take_up(session, self._name, row, self._visibility, wanted, limit=limit)

    def _in_turns(self, work: Callable[[Session, int], bool]) -> None:
        turns, is_more = self._database.turns(), True
        while is_more:
            with turns.next() as session:
                renew_exchange(session, self._name, self.holder)
                is_more = work(session, turns.rows)

    def _send(self, due: DueEntry) -> None:
        """Bring an entry to where it is to be at the exchange, or record why not."""
        with self._writing() as session:
            shared = find_wanted_entry(session, due, self._visibility)
            entry = None if shared is None else self._outgoing(due, shared)
            parts = [] if entry is None else self._client.parts(entry)
            plan = plan_sending(session, due, parts, are_shared=self._client.are_shared)
        state = SendingState.WITHDRAWN
        if entry is not None:
            state = SendingState.SENT if parts else SendingState.NOT_TAKEN
        refused = self._carry_out(due, entry, plan)
        if refused is None:
            return
        with self._writing() as session:
            if refused:
                refuse_sending(session, due, "; ".join(dict.fromkeys(refused)))
            else:
                end_sending(session, due, state)
        if refused:
            self.sent.counts["refused"] += 1
        elif plan.sent or plan.withdrawn:
            is_gone = state is SendingState.WITHDRAWN
            self.sent.counts["withdrawn" if is_gone else "sent"] += 1

    def _carry_out(
        self, due: DueEntry, entry: OutgoingEntry | None, plan: Plan
    ) -> list[str] | None:
        """Send each part; returns the reasons of refusals, or None where it is tried later."""
        refused: list[str] = []
        for item in plan.withdrawn:
            answered = self._client.withdraw(due.list_name, due.entry_id, item)
            if not self._note(due, answered, refused, gone=item):
                return None
        if entry is None:
            return refused
        for item, digest in plan.sent:
            answered = self._client.put(entry, item)
            if not self._note(due, answered, refused, there=(item, digest)):
                return None
        return refused

    def _note(
        self,
        due: DueEntry,
        answered: Answered,
        refused: list[str],
        *,
        there: tuple[SentItem, str] | None = None,
        gone: SentItem | None = None,
    ) -> bool:
        """Record an answer; say whether to go on with the entry."""
        match answered:
            case Accepted(remote_id, wait_s):
                self._accept(due, there, gone, remote_id, wait_s)
                return True
            case Refused(reason):
                refused.append(reason)
                self._failures = 0
                if there is not None and there[0].is_new:
                    # It was never there: nothing will have to be withdrawn.
                    with self._writing() as session:
                        forget_item(session, there[0].key)
                return True
            case Failed(reason):
                self._fail(due, reason)
                return False
            case Halted(reason, wait_s, is_blocked):
                self._halt(due, reason, wait_s, is_blocked=is_blocked)
                return False
            case _:
                assert_never(answered)

    def _accept(
        self,
        due: DueEntry,
        there: tuple[SentItem, str] | None,
        gone: SentItem | None,
        remote_id: str,
        wait_s: float,
    ) -> None:
        self._failures = 0
        with self._writing() as session:
            if there is not None:
                note_sent_item(session, due, *there, remote_id)
            if gone is not None:
                note_withdrawn_item(session, due, gone)
            if not self._is_ended:
                resume_exchange(session, self._name)
            if wait_s:
                problem = "its rate limit is nearly used up"
                self._pause(session, problem, wait_s, is_blocked=False)

    def _fail(self, due: DueEntry, reason: str) -> None:
        self.sent.counts["failed"] += 1
        self._failures += 1
        with self._writing() as session:
            retry_sending(session, due, reason)
            if self._failures >= _FAILURES_IN_A_ROW:
                standing = find_standing(session, self._name)
                self._pause(session, reason, _pause_s(standing), is_blocked=False)

    def _halt(self, due: DueEntry, reason: str, wait_s: float, *, is_blocked: bool) -> None:
        with self._writing() as session:
            if is_blocked:
                # The others go first: an exchange may say so of one entry alone.
                retry_sending(session, due, reason)
            self._pause(session, reason, wait_s, is_blocked=is_blocked)

    def _pause(self, session: Session, problem: str, wait_s: float, *, is_blocked: bool) -> None:
        wait = timedelta(seconds=wait_s)
        pause_exchange(session, self._name, wait=wait, problem=problem, is_blocked=is_blocked)
        self.sent.problem, self.sent.is_blocked, self._is_ended = problem, is_blocked, True

    def _outgoing(self, due: DueEntry, shared: SharedItem) -> OutgoingEntry:
        sharing = self._settings.sharing
        codes = dict(sharing.classifications.get(shared.category, {}))
        if shared.facts is not None:
            codes |= shared.facts.classification
        section = sharing.lists[due.list_name]
        return OutgoingEntry(due.list_name, sharing.publisher, section.tlp, shared, codes)

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """Open a transaction, as long as this process has the lease."""
        with self._database.writing() as session:
            renew_exchange(session, self._name, self.holder)
            yield session


def _pause_s(standing: ExchangeStanding) -> float:
    return min(_FIRST_PAUSE_S * 2.0 ** min(standing.failures, 10), _LONGEST_PAUSE_S)
