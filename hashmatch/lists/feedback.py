"""Feedback to the owners of lists: that a match was confirmed, or was a false positive.

Off unless the list's section of the configuration sets `feedback = true`.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import ConfigError, InputError
from hashmatch.hashes import is_match
from hashmatch.outbox import Sender
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_entry
from hashmatch.store.matches import read_match
from hashmatch.store.outbox import Message, queue_message

from .sources import Feedback, FeedbackReceiver, Verdict, open_source

KIND = "feedback"


def queue_feedback(session: Session, settings: Settings, match_id: str, verdict: Verdict) -> bool:
    """Queue feedback on a match for the owner of its list; says whether it is new.

    Raises `NotFoundError`, and `InputError` where the list's source accepts no feedback, feedback
    is not enabled for the list, or the match is only near.
    """
    stored = read_match(session, match_id)
    list_name = stored.list.name
    section = settings.lists.get(list_name)
    # Only exchanges, such as NCMEC's, have this key in their section.
    if section is None or not getattr(section, "feedback", False):
        raise InputError(
            f"feedback is not enabled for list {list_name}",
            hint="Set feedback = true in its section; only exchanges accept feedback.",
        )
    record = stored.record
    if not is_match(record.distance_bits, record.threshold_bits):
        # It says nothing about the entry, which was never meant to match so far away.
        raise InputError(
            f"match {record.key} is only near its entry, and the list's owner needs no feedback",
            hint="Feedback is about matches within the threshold of the list.",
        )
    # The subject makes the same verdict on the same entry one message, however often it matched.
    subject = f"{KIND}/{record.list_key}/{record.entry_key}/{verdict}"
    body = {"list_key": record.list_key, "entry_key": record.entry_key, "verdict": verdict.value}
    return queue_message(session, KIND, list_name, subject, body)


def feedback_senders(database: Database, settings: Settings) -> dict[str, Sender]:
    """Return the sender of feedback."""
    return {KIND: Sender(partial(_send, database, settings), partial(_receiver, settings))}


def _receiver(settings: Settings, list_name: str) -> FeedbackReceiver:
    source = open_source(settings, list_name)
    if not isinstance(source, FeedbackReceiver):
        raise ConfigError(f"the source of list {list_name} accepts no feedback")
    return source


def _send(database: Database, settings: Settings, message: Message) -> None:
    source = _receiver(settings, message.target)
    # The message holds no hash value: it is read from the entry at the time of sending.
    with database.reading() as session:
        entry = find_entry(session, int(message.body["entry_key"]))
        if entry is None:
            raise InputError("the entry was deleted with its list")
        verdict = Verdict(message.body["verdict"])
        feedback = Feedback(entry.entry_id, entry.algorithm, entry.value, verdict)
    source.give_feedback(feedback)
