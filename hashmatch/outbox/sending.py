"""Sending of outbox messages: leased when due, sent, and recorded as sent or failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.orm import Session

from hashmatch.errors import (
    ConfigError,
    HashmatchError,
    InputError,
    SourceRefusedError,
    StoreError,
)
from hashmatch.store.engine import Database
from hashmatch.store.outbox import Message, find_due, note_failed, note_sent, take_due

# Targets are sent to in parallel, so that a slow one does not delay the others.
_TARGETS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Sender:
    """Sender of messages of one kind.

    Errors of `send` are recorded; `InputError` and `SourceRefusedError` are final. `require` raises
    `ConfigError` where this process cannot send to a target, whose messages it then leaves alone.
    `at_once` is the number of messages leased at a time, few enough to send before the lease ends.
    `give_up` is called in the transaction in which a message dies.
    """

    send: Callable[[Message], object]
    require: Callable[[str], object]
    at_once: int = 5
    give_up: Callable[[Session, Message], object] = lambda *_: None


@dataclass(slots=True)
class Sent:
    """Result of a run: the number of messages that were sent, failed and died.

    `blocked` gives by target the reason why this process could not send to it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    blocked: dict[str, ConfigError] = field(default_factory=dict)


def send_due(database: Database, senders: Mapping[str, Sender]) -> Sent:
    """Send all due messages of the kinds that have senders.

    Failed ones stay in the outbox, with the reason. Several processes may do this at once. Raises
    `StoreError`.
    """
    sent = Sent()
    with database.reading() as session:
        due = [(kind, target) for kind, target in sorted(find_due(session)) if kind in senders]
    sendable = []
    for kind, target in due:
        # Before any message is leased: a failure here must not use up attempts.
        try:
            senders[kind].require(target)
            sendable.append((kind, target))
        except ConfigError as error:
            sent.blocked[target] = error
    if sendable:
        with ThreadPoolExecutor(min(len(sendable), _TARGETS_AT_ONCE)) as pool:
            for counts in pool.map(partial(_send_to, database, senders), sendable):
                sent.counts += counts
    return sent


def _send_to(
    database: Database, senders: Mapping[str, Sender], due: tuple[str, str]
) -> Counter[str]:
    counts: Counter[str] = Counter()
    kind, target = due
    while True:
        with database.writing() as session:
            messages, dead = take_due(session, kind, target, limit=senders[kind].at_once)
            for message in dead:
                senders[kind].give_up(session, message)
        counts["dead"] += len(dead)
        for message in messages:
            counts[_send_one(database, message, senders[kind])] += 1
        # After a failure the other targets go first.
        if not (messages or dead) or counts["failed"]:
            return +counts


def _send_one(database: Database, message: Message, sender: Sender) -> str:
    try:
        sender.send(message)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 (one message must not stop the others)
        is_final = isinstance(error, SourceRefusedError | InputError)
        # The text of a foreign error may quote the message.
        problem = error.message if isinstance(error, HashmatchError) else type(error).__name__
        with database.writing() as session:
            dead = note_failed(session, message.key, problem, is_final=is_final)
            if dead is not None:
                sender.give_up(session, dead)
        return "dead" if dead is not None else "failed"
    with database.writing() as session:
        note_sent(session, message.key)
    return "sent"
