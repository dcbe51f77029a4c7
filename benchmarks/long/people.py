"""A person who works the cases: reads the queue and pages of the console, and decides."""

from __future__ import annotations

import json
import random
import re
import threading
from contextlib import suppress

import httpx

from .clients import Http
from .expectations import Judgement
from .ledger import Answer, Clock, Ledger

_PERIOD_S, _PAGES_EVERY = 0.7, 3
_DECISIONS = {"confirm": "confirmed", "dismiss": "false_positive", "review": "in_review"}
_WEIGHTS = (5, 4, 1)
_PAGES = ("/queue", "/lists", "/outbox", "/health", "/queue?due=overdue")
# Somebody else, or an earlier attempt whose answer was lost, may have decided before.
_EXPECTED = (200, 303, 404, 409)


class Reviewer:
    """One person, in a thread."""

    def __init__(self, port: int, token: str, ledger: Ledger, now: Clock) -> None:
        self._port, self._token, self._ledger, self._now = port, token, ledger, now
        self._http = Http(port, token)
        self._chance = random.Random()
        self._console: httpx.Client | None = None

    def run(self, over: threading.Event) -> None:
        """Work until the run is over."""
        turn = 0
        while not over.wait(_PERIOD_S):
            turn += 1
            if turn % _PAGES_EVERY == 0:
                self._read_page(_PAGES[turn // _PAGES_EVERY % len(_PAGES)])
            else:
                self._work_a_case()
        self._http.close()
        if self._console is not None:
            self._console.close()

    def _note(self, kind: str, asked_s: float, status: int) -> None:
        is_right = status in _EXPECTED
        judgement = Judgement.RIGHT if is_right else Judgement.NO_VERDICT
        reason = "" if is_right else f"status {status}"
        self._ledger.note_answer(Answer(kind, asked_s, self._now(), judgement, reason), "", ())

    def _work_a_case(self) -> None:
        asked_s = self._now()
        status, answer = self._http.ask("GET", "/v1/cases?state=open,in_review&limit=50")
        self._note("page", asked_s, status)
        cases = answer.get("cases") or []
        if not cases:
            return
        chosen = self._chance.choice(cases)
        asked_s = self._now()
        status, _ = self._http.ask("GET", f"/v1/cases/{chosen['case']}")
        self._note("page", asked_s, status)
        (decision,) = self._chance.choices(list(_DECISIONS), _WEIGHTS)
        if decision == "dismiss":
            self._ledger.note_dismissal(chosen["content_id"])
        asked_s, body = self._now(), json.dumps({"decision": decision, "note": "seen"}).encode()
        status, _ = self._http.ask("PATCH", f"/v1/cases/{chosen['case']}", body, "application/json")
        self._note("decision", asked_s, status)
        if status == httpx.codes.OK:
            self._ledger.note_decision(chosen["case"], _DECISIONS[decision])

    def _read_page(self, path: str) -> None:
        asked_s, status = self._now(), 0
        with suppress(httpx.HTTPError):
            if self._console is None:
                self._console = self._signed_in()
            if self._console is not None:
                status = self._console.get(path).status_code
        if status not in (200, 503, 0):
            self._console = None
        self._note("page", asked_s, status)

    def _signed_in(self) -> httpx.Client | None:
        """Return a client with a session, or none where that was not possible now."""
        url = f"http://127.0.0.1:{self._port}/console"
        client = httpx.Client(base_url=url, timeout=60, verify=False)
        form = re.search(r'name="form_token" value="(\w+)"', client.get("/sign-in").text)
        if form is not None:
            given = {"form_token": form[1], "token": self._token}
            if client.post("/sign-in", data=given).status_code in (200, 303):
                return client
        client.close()
        return None
