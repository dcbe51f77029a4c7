"""How exchanges stand: what each has, what it still lacks, and why; and another attempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list
from hashmatch.store.schema import SendingState
from hashmatch.store.sharing import (
    count_entries,
    find_standing,
    read_exchange_names,
    read_unsent,
    resend_entry,
    resend_refused,
    resume_exchange,
)

from ..publishing import require_shareable
from .opening import open_exchange, unknown_exchange

_MANY = 500
_READY, _PAUSED, _BLOCKED, _NOT_READY = "ready", "paused", "blocked", "not ready"


def exchange_facts(database: Database, settings: Settings) -> list[dict[str, Any]]:
    """Return for each list of each exchange how many of its entries are there, and why not.

    Also of lists and exchanges that the configuration does not name any more.
    """
    facts = []
    with database.reading() as session:
        sections = settings.sharing.exchanges
        for name in dict.fromkeys((*sections, *read_exchange_names(session))):
            state, problem = _state(session, settings, name)
            counts = count_entries(session, name)
            named = sections[name].lists if name in sections else ()
            for one in dict.fromkeys((*named, *counts)):
                why = _list_problem(session, settings, one, is_named=one in named)
                row = {"exchange": name, "list": one, "state": state, **_counts(counts, one)}
                facts.append({**row, "reason": problem or why or None})
    return facts


def unsent_facts(
    database: Database, settings: Settings, name: str, *, limit: int
) -> list[dict[str, Any]]:
    """Return the entries that an exchange refused, that were dropped, or are not sent yet.

    Raises `InputError` where there is no such exchange.
    """
    with database.reading() as session:
        if name not in settings.sharing.exchanges and name not in read_exchange_names(session):
            raise unknown_exchange(settings, name)
        keys = [
            find_list(session, one, removed_too=True).key for one in count_entries(session, name)
        ]
        return [
            {
                "exchange": name,
                "list": one.list_name,
                "entry": one.entry_id,
                "state": one.state.value,
                "attempts": one.attempts,
                "next_attempt_at": one.next_attempt_at
                and one.next_attempt_at.isoformat(timespec="seconds"),
                "reason": one.problem or None,
            }
            for one in read_unsent(session, name, keys, limit=limit)
        ]


def _state(session: Session, settings: Settings, name: str) -> tuple[str, str]:
    """Return how an exchange stands in one word, and why."""
    if name not in settings.sharing.exchanges:
        return _NOT_READY, "the configuration does not name it any more: its entries stay there"
    try:
        open_exchange(settings, name)
    except HashmatchError as error:
        return _NOT_READY, error.message
    standing = find_standing(session, name)
    if standing.is_paused and standing.paused_until is not None:
        until = standing.paused_until.isoformat(timespec="seconds")
        word = _BLOCKED if standing.is_blocked else _PAUSED
        return word, f"{standing.problem}; tried again at {until}"
    return _READY, ""


def _list_problem(session: Session, settings: Settings, name: str, *, is_named: bool) -> str:
    try:
        if find_list(session, name, removed_too=True).removed_at is not None:
            return "the list was removed: its entries are withdrawn"
        if not is_named:
            return "the exchange's section does not name it any more: its entries stay there"
        require_shareable(session, settings, name)
    except HashmatchError as error:
        return error.message
    return ""


def _counts(counts: Mapping[str, Mapping[SendingState, int]], name: str) -> dict[str, int]:
    of_list = counts.get(name, {})
    waiting = (SendingState.WAITING, SendingState.WITHDRAWING)
    return {
        "sent": of_list.get(SendingState.SENT, 0),
        "waiting": sum(of_list.get(one, 0) for one in waiting),
        "withdrawn": of_list.get(SendingState.WITHDRAWN, 0),
        "refused": of_list.get(SendingState.REFUSED, 0),
        "dropped": of_list.get(SendingState.DROPPED, 0),
        "not_taken": of_list.get(SendingState.NOT_TAKEN, 0),
    }


def resend(database: Database, name: str, place: tuple[str, str] | None) -> int:
    """Have refused entries sent again, or one entry by its list and id; returns how many.

    The exchange is tried again at once. Raises `NotFoundError`.
    """
    number, some = 0, _MANY
    while some == _MANY:
        with database.writing() as session:
            resume_exchange(session, name)
            if place is not None:
                resend_entry(session, name, *place)
                return 1
            some = resend_refused(session, name, limit=_MANY)
        number += some
    return number
