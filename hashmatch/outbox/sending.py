"""Messages on their way out: taken when they are due, sent, and noted as sent or as failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from hashmatch.errors import HashmatchError, InputError, SourceRefusedError, StoreError
from hashmatch.store import Database, Message, find_due, note_failed, note_sent, take_due

# Sends one message. What it raises is noted; `InputError` and `SourceRefusedError` are final.
Send: TypeAlias = Callable[[Message], None]

# So few that they are through before others may take them.
_AT_ONCE = 5


def send_due(database: Database, senders: Mapping[str, Send]) -> Counter[str]:
    """Send what is due of the kinds that there are senders for.

    Returns how many messages were sent, failed and died. What fails stays in the outbox, with the
    reason. Several processes may do this at once. Raises `StoreError`.
    """
    counts: Counter[str] = Counter()
    with database.reading() as session:
        due = sorted(find_due(session))
    for kind, target in due:
        if kind in senders:
            counts += _send_to(database, kind, target, senders[kind])
    return counts


def _send_to(database: Database, kind: str, target: str, send: Send) -> Counter[str]:
    counts: Counter[str] = Counter()
    while True:
        with database.writing() as session:
            messages = take_due(session, kind, target, limit=_AT_ONCE)
        for message in messages:
            counts[_send_one(database, message, send)] += 1
        if not messages or counts["failed"]:  # Others who are due go first, then.
            return counts


def _send_one(database: Database, message: Message, send: Send) -> str:
    try:
        send(message)
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
