"""Everything that happens to a run by its schedule, and the waits until all is well again."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from subprocess import DEVNULL

from .clients import Asking, Http
from .expectations import MATCHED, Listing
from .ledger import Clock, Ledger, Window
from .pictures import CHANGING, Files
from .plan import HARMLESS, Kind, Plan
from .receiver import Receiver
from .world import Service, World, locked

_CHANGED_AT_ONCE = 3
_QUIET_S, _FEWEST_ANSWERS = 3.0, 8
_LONGEST_RECOVERY_S = 120.0
_SYNC_ATTEMPTS = 20


@dataclass
class Disturber:
    """Works off the schedule, one event after the other."""

    world: World
    service: Service
    receiver: Receiver
    files: Files
    listing: Listing
    ledger: Ledger
    plan: Plan
    now: Clock
    token: str

    def __post_init__(self) -> None:
        self._chance = random.Random()
        self.outlived = 0
        self.removed = 0
        self.done: Counter[Kind] = Counter()
        self._probes = 0
        self._works: dict[Kind, Callable[[Window], None]] = {
            Kind.SYNC: self._sync,
            Kind.RETENTION: self._apply_retention,
            Kind.DECODER: self._kill_decoder,
            Kind.SERVICE: self._kill_service,
            Kind.STOP: lambda window: self._stop_database(window, Kind.STOP),
            Kind.STOP_IMMEDIATELY: lambda window: self._stop_database(
                window, Kind.STOP_IMMEDIATELY
            ),
            Kind.KILL_DATABASE: lambda window: self._stop_database(window, Kind.KILL_DATABASE),
            Kind.STOP_IN_SYNC: self._stop_in_sync,
        }

    def run(self, over: threading.Event) -> None:
        """Do everything when it is due; what is late is done at once."""
        for at_s, kind in self.plan.events():
            self.now.sleep_until(at_s + self.plan.slot_s / 3, over)
            if over.is_set():
                return
            window = Window(kind, self.now())
            if kind not in HARMLESS:
                window = self.ledger.open_window(kind, self.now())
            self._works[kind](window)
            self.done[kind] += 1
            if kind not in HARMLESS:
                window.repaired_s = window.repaired_s or self.now()
                self._await_recovery(window)

    def run_receiver(self, over: threading.Event) -> None:
        """Have the receiver refuse connections for half of its outage, and fail for the rest."""
        begin_s, end_s = self.plan.receiver_outage
        self.now.sleep_until(begin_s, over)
        self.receiver.stop()
        self.now.sleep_until((begin_s + end_s) / 2, over)
        self.receiver.fail(is_failing=True)
        self.receiver.start()
        self.now.sleep_until(end_s, over)
        self.receiver.fail(is_failing=False)

    def _await_recovery(self, window: Window) -> None:
        while not self.ledger.has_recovered(
            window.repaired_s, self.now(), _QUIET_S, _FEWEST_ANSWERS
        ):
            if self.now() - window.repaired_s > _LONGEST_RECOVERY_S:
                self.ledger.note_problem(f"{window.kind} at {window.began_s:.0f} s: no recovery")
                break
            time.sleep(0.2)
        self.ledger.close_window(window, self.now())

    def _deliver(self) -> tuple[list[int], list[int]]:
        """Write a delivery that adds and withdraws some; return which."""
        listed = self.listing.listed()
        there = [one for one in CHANGING if one in listed]
        others = [one for one in CHANGING if one not in listed]
        added = self._chance.sample(others, min(_CHANGED_AT_ONCE, len(others)))
        withdrawn = self._chance.sample(there, min(_CHANGED_AT_ONCE, len(there)))
        self.listing.begin(self.now(), added, withdrawn)
        self.world.write_delivery(self.files, (listed | set(added)) - set(withdrawn))
        return added, withdrawn

    def _sync(self, _: Window) -> None:
        added, withdrawn = self._deliver()
        self._finish_sync()
        self._probe(added, withdrawn)

    def _finish_sync(self) -> None:
        """Sync until it succeeds, as a schedule does; notifications may fail meanwhile."""
        for _ in range(_SYNC_ATTEMPTS):
            _, rows, messages = self.world.run("lists", "sync", "shared", "--json")
            if rows and rows[0]["outcome"] not in ("failed", "busy", "quarantined"):
                self.listing.end(self.now())
                return
            self.ledger.journal.write("syncs", rows=rows, messages=messages)
            time.sleep(2)
        self.ledger.note_problem("a delivery was not synced")

    def _probe(self, added: list[int], withdrawn: list[int]) -> None:
        """Note how long after a sync the service answers by it."""
        ended_s = self.now()
        asking, http = (
            Asking(self.ledger, self.listing, self.now),
            Http(self.world.port, self.token),
        )
        for picture in (*added, *withdrawn):
            is_added = picture in added
            while True:
                asked_s = self.now()
                self._probes += 1
                name = f"probe/{self._probes}"
                status, outcome = http.ask(
                    "POST", f"/v1/scan?content_id={name}", self.files.exact(picture).data
                )
                asking.note("probe", name, picture, outcome, asked_s)
                if status == 200 and (outcome["outcome"] == MATCHED) is is_added:
                    self.ledger.followed_s.append(self.now() - ended_s)
                    break
                if self.now() - ended_s > _LONGEST_RECOVERY_S:
                    break
                time.sleep(0.1)
        http.close()

    def _apply_retention(self, _: Window) -> None:
        code, rows, messages = self.world.run("retention", "apply", "--json")
        if code or not rows:
            self.ledger.note_problem(f"retention failed: {messages}")
        else:
            self.removed += rows[0]["removed"].get("cases", 0)

    def _kill_decoder(self, _: Window) -> None:
        """Kill the youngest, so that the oldest shows how memory grows."""
        decoders = self.service.decoders()
        if not decoders:
            self.ledger.note_problem("the service has no decoding process")
            return
        decoders[-1].kill()

    def _kill_service(self, window: Window) -> None:
        self.outlived += self.service.kill()
        window.repaired_s = self.now()
        self.service.start()
        self.service.await_ready()

    def _stop_database(self, window: Window, kind: Kind) -> None:
        """Stop the server for a time; SQLite has none, and is locked against all who write."""
        server = self.world.server
        if server is None:
            window.kind = "database locked"
            with locked(self.world.url):
                time.sleep(self.plan.outage_s)
            return
        {
            Kind.STOP: server.stop,
            Kind.STOP_IMMEDIATELY: server.stop_immediately,
            Kind.KILL_DATABASE: server.kill,
        }[kind]()
        time.sleep(self.plan.outage_s)
        server.start()
        window.repaired_s = self.now()

    def _stop_in_sync(self, window: Window) -> None:
        self._deliver()
        with ExitStack() as stack:
            syncing = stack.enter_context(
                self.world.start("lists", "sync", "shared", stdout=DEVNULL, stderr=DEVNULL)
            )
            # Long enough to have begun mostly, and not to have ended.
            time.sleep(0.5 + self._chance.random())
            self._stop_database(window, Kind.STOP)
            syncing.wait()
        self._finish_sync()
