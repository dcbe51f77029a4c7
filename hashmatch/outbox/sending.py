"""Messages on their way out: taken when they are due, sent, and noted as sent or as failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from hashmatch.errors import (
    ConfigError,
    HashmatchError,
    InputError,
    SourceRefusedError,
    StoreError,
)
from hashmatch.store.engine import Database
from hashmatch.store.outbox import Message, find_due, note_failed, note_sent, take_due

# One that is slow holds up nobody else.
_TARGETS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends messages of one kind.

    What `send` raises is noted; `InputError` and `SourceRefusedError` are final. `require` raises
    `ConfigError` where this process cannot send to that target, none of whose messages it takes.
    So many are taken `at_once` that they are through before others may take them.
    """

    send: Callable[[Message], object]
    require: Callable[[str], object]
    at_once: int = 5


@dataclass(slots=True)
class Sent:
    """What came of sending: how many messages were sent, failed and died, and what is in the way.

    `hindered` says by target why this process could not even try.
    """

    counts: Counter[str] = field(default_factory=Counter)
    hindered: dict[str, ConfigError] = field(default_factory=dict)


def send_due(database: Database, senders: Mapping[str, Sender]) -> Sent:
    """Send what is due of the kinds that there are senders for.

    What fails stays in the outbox, with the reason. Several processes may do this at once. Raises
    `StoreError`.
    """
    sent = Sent()
    with database.reading() as session:
        due = [(kind, target) for kind, target in sorted(find_due(session)) if kind in senders]
    fit = []
    for kind, target in due:
        try:
            senders[kind].require(target)
            fit.append((kind, target))
        except ConfigError as error:
            sent.hindered[target] = error
    if fit:
        with ThreadPoolExecutor(min(len(fit), _TARGETS_AT_ONCE)) as pool:
            for counts in pool.map(partial(_send_to, database, senders), fit):
                sent.counts += counts
    return sent


def _send_to(
    database: Database, senders: Mapping[str, Sender], due: tuple[str, str]
) -> Counter[str]:
    counts: Counter[str] = Counter()
    kind, target = due
    while True:
        with database.writing() as session:
            messages = take_due(session, kind, target, limit=senders[kind].at_once)
        for message in messages:
            counts[_send_one(database, message, senders[kind])] += 1
        if not messages or counts["failed"]:  # Others who are due go first, then.
            return counts


def _send_one(database: Database, message: Message, sender: Sender) -> str:
    try:
        sender.send(message)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 (one message must not stop the others)
        is_final = isinstance(error, SourceRefusedError | InputError)
        # Words of others' errors may quote what was sent.
        words = error.message if isinstance(error, HashmatchError) else type(error).__name__
        with database.writing() as session:
            note_failed(session, message.key, words, is_final=is_final)
        return "dead" if is_final else "failed"
    with database.writing() as session:
        note_sent(session, message.key)
    return "sent"
