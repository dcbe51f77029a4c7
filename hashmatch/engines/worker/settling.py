"""Settling of messages: the uploads that they name are screened and counted."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from hashmatch.errors import BackfillError, InputError, MessageError, StoreError, UploadError
from hashmatch.outcome import Failure, Matched, Outcome, Reason
from hashmatch.store.engine import Database
from hashmatch.store.events import count_events
from hashmatch.store.schema import utc_now
from hashmatch.wire import outcome_as_json

from ..ledger import result_of
from ..patience import write_patiently
from ..screening import ItemScreener
from ..sources import Item
from .events import UploadEvent, read_events
from .loading import Loader

_DIGEST_BYTES = 16
# What everything waits for: the store, the lists. Asked for again after so long.
_LOOK_AGAIN_S = 5.0

# Receives a line for people.
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict as it is published; the `message_id` is the same for the same verdict."""

    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """Result of a message: its verdicts, and why it is a dead letter, if it is one."""

    verdicts: Sequence[Verdict]
    problem: str = ""


class StoppedError(Exception):
    """The worker stops, and the message is not settled."""


class Settler:
    """Settles messages, whatever is in them. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        screener: ItemScreener,
        loader: Loader,
        digest_key: bytes,
        stop: threading.Event,
        say: Say,
    ) -> None:
        self._database = database
        self._screener = screener
        self._loader = loader
        self._digest_key = digest_key
        self._stop = stop
        self._say = say

    def settle(self, body: bytes) -> Settled:
        """Screen the uploads of a message, and count them. Waits for the store and for lists.

        Raises `StoppedError`.
        """
        try:
            events = read_events(body)
        except MessageError as error:
            return Settled((), error.message)
        verdicts, problems = [], []
        for event in events:
            data, problem = self._load(event)
            problems += [problem] if problem else []
            verdicts.append(self._verdict(event, data))
        return Settled(verdicts, problems[0] if problems else "")

    def give_up(self, body: bytes, problem: str) -> Settled:
        """Refuse a message that is not to be tried again, with verdicts that say so."""
        try:
            events = read_events(body)
        except MessageError as error:
            return Settled((), error.message)
        failure = Failure(Reason.INTERNAL_ERROR, problem)
        return Settled([self._verdict(event, failure) for event in events], problem)

    def _load(self, event: UploadEvent) -> tuple[bytes | Failure, str]:
        try:
            return self._loader.load(event), ""
        except UploadError as error:
            return Failure(Reason.UNREADABLE, error.message), error.message

    def _verdict(self, event: UploadEvent, data: bytes | Failure) -> Verdict:
        reference = event.reference or event.address
        item = Item(event.content_id, reference, event.version, "", lambda: data)
        outcome = self._patiently(lambda: self._screener.screen(item))
        if not isinstance(outcome, Matched):  # Its record counts it.
            counted = {self._digest(event): result_of(outcome)}
            self._patiently(lambda: self._count(counted))
        return _published(event, outcome)

    def _patiently(self, work: Callable[[], Any]) -> Any:
        """Return what work returns, however long the store and the lists are waited for."""
        while True:
            try:
                return work()
            except (BackfillError, StoreError) as error:
                if self._stop.is_set():
                    raise StoppedError from error
                if isinstance(error.__cause__, InputError):
                    raise
                self._say(f"waiting: {error.message}")
            if self._stop.wait(_LOOK_AGAIN_S):
                raise StoppedError

    def _count(self, counted: dict[bytes, tuple[str, str]]) -> None:
        def write() -> None:
            with self._database.writing() as session:
                count_events(session, counted, utc_now().date())

        write_patiently(write)

    def _digest(self, event: UploadEvent) -> bytes:
        facts = json.dumps(astuple(event))
        return hmac.digest(self._digest_key, facts.encode(), "sha256")[:_DIGEST_BYTES]


def _published(event: UploadEvent, outcome: Outcome) -> Verdict:
    """Return a verdict without hash values, and with distances only in their bands."""
    body = {
        **outcome_as_json(outcome, show_distances=False),
        "reference": event.reference,
        "address": event.address,
        "version": event.version,
        "event_id": event.event_id,
    }
    # The same again, where all but its time is.
    facts = json.dumps({**body, "elapsed_ms": 0}, sort_keys=True)
    message_id = hashlib.sha256(f"{event.version_id} {facts}".encode()).hexdigest()[:32]
    return Verdict(message_id, json.dumps({"verdict_id": message_id, **body}).encode())
