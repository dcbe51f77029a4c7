"""Clients of the service: they know the verdict of what they ask, and ask until they get one."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from .expectations import Judgement, Listing, judge
from .ledger import Answer, Clock, Ledger
from .pictures import ALGORITHMS, CHANGING, LISTED, UNLISTED, File, Files
from .world import lookup_of

_TIMEOUT_S = 60.0
_ASK_AGAIN_S = 1.0
_HASHES_A_LOOKUP = 10
_CONNECTION_FAILURES = (OSError, http.client.HTTPException)
_names = itertools.count()


class Http:
    """One connection with a token, opened again where it was lost."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream"
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the document of an answer; status 0 says that there was none."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    "127.0.0.1", self._port, timeout=_TIMEOUT_S
                )
            self._connection.request(method, path, body=body, headers=headers)
            answer = self._connection.getresponse()
            found = answer.read()
            with suppress(ValueError):
                return answer.status, json.loads(found)
            return answer.status, {}
        except _CONNECTION_FAILURES as error:
            self.close()
            return 0, {"reason": type(error).__name__}

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Request(Protocol):
    """One thing to ask of the service, until each of its parts has a verdict."""

    def ask(self, http: Http, ask: Asking) -> bool:
        """Ask once; say whether everything has a verdict."""


@dataclass(frozen=True)
class Asking:
    """What all requests need: the record, the list as it is expected, and the time."""

    ledger: Ledger
    listing: Listing
    now: Clock

    def note(
        self, kind: str, content_id: str, picture: int | None, outcome: dict[str, Any],
        asked_s: float, *, is_whole: bool = True,
    ) -> Judgement:  # fmt: skip
        """Judge one outcome and note it."""
        answered_s = self.now()
        expected = self.listing.expected(picture, asked_s, answered_s)
        judgement = judge(expected, outcome, is_whole=is_whole)
        reason = str(outcome.get("reason") or "")
        if judgement is Judgement.NO_VERDICT and not reason:
            reason = f"status {outcome.get('status')}"
        ids = [one["match_id"] for one in outcome.get("matches") or ()]
        answer = Answer(kind, asked_s, answered_s, judgement, reason)
        self.ledger.note_answer(answer, content_id, ids)
        return judgement


@dataclass(frozen=True)
class ScanRequest:
    """A file under a name of its own."""

    content_id: str
    file: File

    def ask(self, http: Http, ask: Asking) -> bool:
        """Send the file; say whether it has a verdict."""
        asked_s, file = ask.now(), self.file
        _, outcome = http.ask("POST", f"/v1/scan?content_id={quote(self.content_id)}", file.data)
        judgement = ask.note(
            "scan", f"{self.content_id}", file.picture, outcome, asked_s, is_whole=file.is_whole
        )
        return judgement is not Judgement.NO_VERDICT


@dataclass(frozen=True)
class LookupRequest:
    """Hashes of pictures, one each, under names of their own."""

    pictures: dict[str, int]
    body: bytes

    def ask(self, http: Http, ask: Asking) -> bool:
        """Look the hashes up; say whether all have a verdict."""
        asked_s = ask.now()
        status, answer = http.ask("POST", "/v1/lookup", self.body, "application/json")
        outcomes = answer.get("results") or [{**answer, "status": status}] * len(self.pictures)
        judgements = [
            ask.note("lookup", content_id, picture, outcome, asked_s)
            for (content_id, picture), outcome in zip(self.pictures.items(), outcomes, strict=True)
        ]
        return Judgement.NO_VERDICT not in judgements


class Client:
    """One client with a pace of its own, in a thread."""

    def __init__(
        self, http: Http, asking: Asking, files: Files, period_s: float, *, is_looking_up: bool
    ) -> None:
        self._http, self._asking, self._files = http, asking, files
        self._period_s, self._is_looking_up = period_s, is_looking_up
        self._unanswered: deque[tuple[float, Request]] = deque()
        # Not seeded: what is sent when depends on the time that answers take, anyway.
        self._chance = random.Random()

    def run(self, over: threading.Event, patience_s: float) -> None:
        """Ask at the pace until the run is over; then until everything has a verdict."""
        now, at_s = self._asking.now, self._asking.now() + self._chance.random() * self._period_s
        while not over.is_set():
            now.sleep_until(at_s, over)
            at_s = max(at_s + self._period_s, now())
            self._ask(self._next_request())
            self._ask_again()
        until_s = now() + patience_s
        while self._unanswered and now() < until_s:
            time.sleep(0.2)
            self._ask_again()
        self._http.close()
        self._asking.ledger.note_unanswered(len(self._unanswered))

    def _ask_again(self) -> None:
        """Ask once more for what was unanswered for the longest time, if it is due."""
        if self._unanswered and self._unanswered[0][0] <= self._asking.now():
            self._ask(self._unanswered.popleft()[1])

    def _ask(self, request: Request) -> None:
        if not request.ask(self._http, self._asking):
            self._unanswered.append((self._asking.now() + _ASK_AGAIN_S, request))

    def _next_request(self) -> Request:
        if not self._is_looking_up:
            file = self._files.choose(self._chance)
            return ScanRequest(f"post/{next(_names)}/{file.form}", file)
        groups = self._chance.choices((LISTED, CHANGING, UNLISTED), (1, 1, 8), k=_HASHES_A_LOOKUP)
        pictures = {f"hash/{next(_names)}": self._chance.choice(group) for group in groups}
        hashes = [
            {
                "content_id": name,
                **lookup_of(self._files, picture, self._chance.choice(ALGORITHMS)),
            }
            for name, picture in pictures.items()
        ]
        return LookupRequest(pictures, json.dumps({"hashes": hashes}).encode())
