"""What we tell those whose lists matched: that a match was right, or that it was not.

Off unless the list's section of the configuration says `feedback = true`.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import (
    ConfigError,
    HashmatchError,
    InputError,
    SourceRefusedError,
    StoreError,
)
from hashmatch.store import (
    Database,
    Message,
    find_entry,
    note_failed,
    note_sent,
    queue_message,
    read_match,
    take_due,
)

from .sources import Feedback, FeedbackReceiver, Verdict, open_source

KIND = "feedback"
_AT_ONCE = 100


def queue_feedback(session: Session, settings: Settings, match_id: str, verdict: Verdict) -> bool:
    """Queue what was decided about a match for the owner of its list; says whether that is new.

    Raises `NotFoundError`, and `InputError` where the list's source takes no feedback or it is not
    switched on.
    """
    stored, _ = read_match(session, match_id)
    list_name = stored.list.name
    section = settings.lists.get(list_name)
    if section is None or not getattr(section, "feedback", False):
        raise InputError(
            f"feedback is not switched on for list {list_name}",
            hint="Say feedback = true in its section, where its source is an exchange.",
        )
    record = stored.record
    subject = f"{KIND}/{record.list_key}/{record.entry_key}/{verdict}"
    body = {"list_key": record.list_key, "entry_key": record.entry_key, "verdict": verdict.value}
    return queue_message(session, KIND, list_name, subject, body)


def send_feedback(database: Database, settings: Settings) -> Counter[str]:
    """Tell what is due and return how many messages were sent, wait or are dead.

    What fails stays in the outbox, with the reason. Raises `StoreError`.
    """
    counts: Counter[str] = Counter()
    while True:
        with database.writing() as session:
            due = take_due(session, KIND, limit=_AT_ONCE)
        if not due:
            return counts
        for message in due:
            counts[_send(database, settings, message)] += 1


def _send(database: Database, settings: Settings, message: Message) -> str:
    try:
        _tell(database, settings, message)
    except StoreError:
        raise
    except HashmatchError as error:
        is_final = isinstance(error, SourceRefusedError | InputError)
        with database.writing() as session:
            note_failed(session, message.key, error.message, is_final=is_final)
        return "dead" if is_final else "failed"
    with database.writing() as session:
        note_sent(session, message.key)
    return "sent"


def _tell(database: Database, settings: Settings, message: Message) -> None:
    source = open_source(settings, message.target)
    if not isinstance(source, FeedbackReceiver):
        raise ConfigError(f"the source of list {message.target} takes no feedback")
    with database.reading() as session:
        entry = find_entry(session, int(message.body["entry_key"]))
        if entry is None:
            raise InputError("the entry was deleted with its list")
        verdict = Verdict(message.body["verdict"])
        feedback = Feedback(entry.entry_id, entry.algorithm, entry.value, verdict)
    source.give_feedback(feedback)
