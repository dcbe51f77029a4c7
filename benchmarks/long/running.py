"""One long run: everything is started, goes on for its time, is stopped, and is judged."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hashmatch.store.engine import Database
from hashmatch.store.outbox import count_unsent, read_outbox, retry_message
from hashmatch.store.tokens import ROLE_SCOPES, Scope
from hashmatch.synthetic import draw_picture

from .backfilling import Backfills, write_members
from .claims import (
    Claim,
    claim_of_search,
    claims_of_answers,
    claims_of_growth,
    claims_of_records,
    read_recorded,
)
from .clients import Asking, Client, Http
from .disturbing import Disturber
from .expectations import Listing
from .ledger import Clock, Journal, Ledger
from .people import Reviewer
from .pictures import CHANGING, LISTED, UNLISTED, Files
from .plan import Kind, Plan
from .receiver import Receiver
from .searching import Pieces
from .watching import Watch, flatness
from .world import Service, World, make_token, prepared

# A changed list counts this long after its sync.
_FOLLOW_S = 5.0
_SCANNING, _SCANS_A_SECOND, _LOOKUP_PERIOD_S = 4, 6.0, 2.0
_TELL_EVERY_S, _LAST_ANSWERS_S = 60.0, 60.0
# A message that a killed process had leased is due again after ten minutes.
_OUTBOX_PATIENCE_S, _LONG_S = 720.0, 1800.0


@dataclass
class Run:
    """A run that has ended: what clients know, and what holds."""

    ledger: Ledger
    claims: list[Claim]
    journal: Path


def run(minutes: float, kind: str) -> Run:
    """Run for so long on a database of that kind, and judge."""
    journal = Path(tempfile.mkdtemp(prefix="hashmatch-long-"))
    _say(f"every figure goes to {journal}")
    ledger = Ledger(Journal(journal))
    receiver = Receiver(ledger)
    with tempfile.TemporaryDirectory(prefix="hashmatch-world-") as name:
        files = Files()
        folder, uploads = Path(name) / "world", Path(name) / "uploads"
        folder.mkdir()
        with prepared(folder, kind, receiver.port, files) as world:
            members = write_members(uploads, files, minutes)
            service = Service(world)
            service.start()
            service.await_ready()
            try:
                parts = _Parts(world, service, receiver, files, ledger, Plan(minutes * 60))
                parts.backfills = Backfills(world, members, ledger, parts.plan, parts.now)
                parts.work()
                claims = parts.judge()
            finally:
                service.stop()
                (journal / "service.log").write_bytes((folder / "service.log").read_bytes())
        receiver.stop()
    return Run(ledger, claims, journal)


class _Parts:
    """The threads of a run, and their common end."""

    backfills: Backfills

    def __init__(
        self, world: World, service: Service, receiver: Receiver, files: Files, ledger: Ledger,
        plan: Plan,
    ) -> None:  # fmt: skip
        self.world, self.service, self.receiver, self.files = world, service, receiver, files
        self.ledger, self.plan, self.now = ledger, plan, Clock()
        self.listing = Listing([*LISTED, *CHANGING[: len(CHANGING) // 2]], _FOLLOW_S)
        self.token = make_token(world, Scope.SCAN)
        self.watch = Watch(service, world.url, ledger.journal, self.now, plan.sample_s)
        self.disturber = Disturber(
            world, service, receiver, files, self.listing, ledger, plan, self.now, self.token
        )
        self.outbox_took_s, self.unsent = 0.0, 0

    def work(self) -> None:
        """Go on until the time and the schedule are over, and until nothing waits for an answer."""
        over, ended = threading.Event(), threading.Event()
        others = [
            self._thread(self.disturber.run, over),
            self._thread(self.disturber.run_receiver, over),
            self._thread(self.backfills.run, over),
        ]
        clients = [self._thread(one, ended) for one in self._clients()]
        watching = self._thread(self.watch.run, ended)
        # On a busy machine the schedule may be late; nothing of it is left out.
        while self.now() < self.plan.duration_s or others[0].is_alive():
            self._tell()
            left_s = self.plan.duration_s - self.now()
            others[0].join(_TELL_EVERY_S if left_s <= 0 else min(_TELL_EVERY_S, left_s))
            if not others[0].is_alive():
                self.now.sleep_until(min(self.plan.duration_s, self.now() + _TELL_EVERY_S), over)
        over.set()
        for one in others:  # Clients go on meanwhile: a disturbance is only over with answers.
            one.join()
        ended.set()
        for one in (*clients, watching):
            one.join()
        self._await_outbox()

    def _thread(
        self, work: Callable[[threading.Event], None], over: threading.Event
    ) -> threading.Thread:
        def guarded() -> None:
            try:
                work(over)
            except Exception as error:  # noqa: BLE001 (it fails the run, which goes on)
                self.ledger.note_problem(f"a thread of the run failed: {error!r}")

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    def _clients(self) -> list[Callable[[threading.Event], None]]:
        asking = Asking(self.ledger, self.listing, self.now)
        periods = [(_SCANNING / _SCANS_A_SECOND, False)] * _SCANNING + [(_LOOKUP_PERIOD_S, True)]
        works: list[Callable[[threading.Event], None]] = []
        for period_s, is_looking_up in periods:
            http = Http(self.world.port, self.token)
            client = Client(http, asking, self.files, period_s, is_looking_up=is_looking_up)
            works.append(lambda over, client=client: client.run(over, _LAST_ANSWERS_S))  # type: ignore[misc]
        token = make_token(self.world, *(ROLE_SCOPES["admin"] | {Scope.REVIEW}))
        works.append(Reviewer(self.world.port, token, self.ledger, self.now).run)
        return works

    def _tell(self) -> None:
        answers = list(self.ledger.answers)
        worth = {one: sum(a.judgement == one for a in answers) for one in ("no_verdict",)}
        _say(
            f"{self.now():6.0f} s: {len(answers):,} answers, {worth['no_verdict']} without a"
            f" verdict, {len(self.ledger.matched):,} matches, {len(self.ledger.notified):,}"
            f" notified, {len(self.ledger.problems)} problems"
        )

    def _await_outbox(self) -> None:
        """Wait until everything is sent; after a short run, have it sent at once, as people may."""
        began_s = time.monotonic()
        with closing(Database(self.world.url)) as database:
            while True:
                with database.reading() as session:
                    self.unsent = sum(count_unsent(session).values())
                self.outbox_took_s = time.monotonic() - began_s
                if not self.unsent or self.outbox_took_s > _OUTBOX_PATIENCE_S:
                    return
                if self.plan.duration_s < _LONG_S:
                    with database.writing() as session:
                        for one in read_outbox(session, limit=10_000):
                            if one.state == "waiting":
                                retry_message(session, one.key)
                time.sleep(5)

    def judge(self) -> list[Claim]:
        """Return what holds, with the service stopped."""
        self.service.stop()
        ledger = self.ledger
        claims = [*claims_of_answers(ledger)]
        with closing(Database(self.world.url)) as database:
            claims += claims_of_records(ledger, read_recorded(database))
            problems = self.backfills.problems(database)
        backfills = self.backfills
        claims += [
            Claim(
                "each back-fill counts each member once", bool(backfills.ended) and not problems,
                f"{backfills.ended} of {backfills.members.count:,} files, {backfills.kills} kills"
                + "".join(f"; {one}" for one in problems),
            ),
            Claim(
                "the outbox is empty", not self.unsent,
                f"{self.unsent} unsent, {self.outbox_took_s:.0f} s after the end;"
                f" {self.receiver.refused} were refused meanwhile",
            ),
            Claim(
                "retention removed cases", self.disturber.removed > 0,
                f"{self.disturber.removed} removed",
            ),
            Claim(
                "everything of the schedule was done", self.disturber.done.keys() == set(Kind),
                f"{self.disturber.done.total()} of {len(self.plan.events())} events",
            ),
            self._audit_claim(),
            *claims_of_growth(
                {
                    role: flatness(
                        self.watch.samples, role, self.plan.measured, take_turns=role == "decoder"
                    )
                    for role in ("service", "decoder")
                }
            ),
            Claim(
                "no process is left", not self.disturber.outlived and not self._connections(),
                f"{self.disturber.outlived} decoders after kills,"
                f" {self._connections()} connections at the end",
            ),
            self._search_claim(),
            Claim(
                "nothing else went wrong", not ledger.problems,
                f"{len(ledger.problems)}{''.join(f'; {one}' for one in ledger.problems[:3])}",
            ),
        ]  # fmt: skip
        return claims

    def _connections(self) -> int:
        return self.watch.connections() or 0

    def _audit_claim(self) -> Claim:
        code, rows, messages = self.world.run("audit", "verify", "--json")
        none: dict[str, Any] = {"records": 0, "unsealed": -1, "problems": [messages]}
        found = rows[0] if rows else none
        return Claim(
            "the audit log verifies",
            not code and not found["unsealed"],
            f"{found['records']:,} records, {found['unsealed']} unsealed,"
            f" {len(found['problems'])} problems",
        )

    def _search_claim(self) -> Claim:
        pixels = [draw_picture(one[0], 640, 480) for one in (LISTED, CHANGING, UNLISTED)]
        secrets = [one.data for one in self.files.all()]
        secrets += [np.asarray(one).tobytes() for one in pixels]
        secrets += [np.asarray(one.convert("L")).tobytes() for one in pixels]
        pieces = Pieces(secrets)
        folders = [self.world.folder]
        if self.world.server is not None:
            folders.append(self.world.server.folder)
        return claim_of_search(*pieces.files_with_one(folders), len(pieces))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
