"""What runs behind the service: one scanner, its gates and buffers, and who may ask."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from hashmatch.config import Settings
from hashmatch.drawing import draw_picture
from hashmatch.outcome import Failure, Outcome, Reason
from hashmatch.pipeline import Scanner
from hashmatch.store.engine import Database
from hashmatch.wiring import open_database, open_scanner_with

from .admission import Buffers, Gate
from .authentication import Authenticator
from .metrics import Metrics, StoreState
from .syncing import Syncing

Result = TypeVar("Result")
# Readiness costs the store a question, which is asked once a second, whoever asks.
_SECONDS_REMEMBERED = 1.0
_STORE_TIMEOUT_S = 5.0
_WARMING_SIDE = 256


class Running:
    """Everything that lives as long as the service does; close it at the end."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = _for_service(settings)
        self.metrics = metrics
        workers = self.settings.intake.workers
        with ExitStack() as opened:
            self.database: Database = opened.enter_context(closing(open_database(self.settings)))
            self.scanner: Scanner = opened.enter_context(
                open_scanner_with(self.settings, observe=metrics.observe_stage, require_lists=False)
            )
            self._opened = opened.pop_all()
        service = self.settings.service
        # Twice as many as decode at a time: while those do, the others look up and record.
        self.scans = Gate("scan", workers=2 * workers, queue=service.queue)
        self.lookups = Gate("lookup", workers=2, queue=service.queue)
        self.buffers = Buffers(service.max_buffered_bytes)
        self.syncing = Syncing(self.settings, self.database, metrics.count_sync)
        self.authenticator = Authenticator(self.database, share=1 / service.workers)
        self.store_state = StoreState(self.database, self.scanner.index_age_s)
        self._hindrance = _Remembered(self.scanner.find_hindrance)
        self._warm_up()

    async def find_hindrance(self) -> Failure | None:
        """Return why nothing can be screened at this moment; None where it can."""
        return await self._hindrance.get()

    async def work(self, gate: Gate, job: Callable[[], Result]) -> Result:
        """Do a job in turn, and note how long it waited."""
        asked_s = time.perf_counter()

        def begin() -> Result:
            self.metrics.observe_stage("wait", time.perf_counter() - asked_s)
            return job()

        return await gate.run(begin)

    def turn_away(
        self, content_id: str, detail: str, reason: Reason = Reason.OVERLOADED
    ) -> Outcome:
        """Return what an image gets that there is no room for."""
        failure = Failure(reason, detail)
        return self.scanner.turn_away(failure, content_id=content_id)

    def exposition(self) -> bytes:
        """Return the metrics."""
        self.note_gauges()
        return self.metrics.exposition(self.store_state)

    def note_gauges(self) -> None:
        """Note how much is going on."""
        for name, gate in (("scan", self.scans), ("lookup", self.lookups)):
            self.metrics.note_jobs(name, gate.running, gate.waiting)
        self.metrics.note_buffered(self.buffers.held_bytes)

    def _warm_up(self) -> None:
        """Open the index and start the decoders, so that the first requests wait for neither."""
        self.scanner.find_hindrance()
        stream = io.BytesIO()
        draw_picture(1, _WARMING_SIDE, _WARMING_SIDE).save(stream, "PNG")
        workers = self.settings.intake.workers
        with ThreadPoolExecutor(workers) as pool:
            for _ in range(workers):
                pool.submit(self.scanner.hash_alone, stream.getvalue(), "pdq")
        # What is there now stays: to go through it again and again took 0.1 s each time.
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Finish what was accepted, write the last counts, and give everything back."""
        self.syncing.close()
        self.scans.close()
        self.lookups.close()
        self._opened.close()
        gc.unfreeze()


def running_of(request: Request) -> Running:
    """Return what runs behind the app that a request is for."""
    running: Running = request.app.state.running
    return running


@dataclass(slots=True)
class _Remembered:
    """An answer that is asked for once a second at most, and by one at a time."""

    ask: Callable[[], Failure | None]
    lock: asyncio.Lock
    answer: Failure | None
    asked_at_s: float

    def __init__(self, ask: Callable[[], Failure | None]) -> None:
        self.ask, self.lock = ask, asyncio.Lock()
        self.answer, self.asked_at_s = None, float("-inf")

    async def get(self) -> Failure | None:
        async with self.lock:
            if time.monotonic() - self.asked_at_s >= _SECONDS_REMEMBERED:
                try:
                    async with asyncio.timeout(_STORE_TIMEOUT_S):
                        self.answer = await asyncio.to_thread(self.ask)
                except TimeoutError:
                    words = "the database does not answer"
                    self.answer = Failure(Reason.STORE_UNAVAILABLE, words)
                self.asked_at_s = time.monotonic()
            return self.answer


def _for_service(settings: Settings) -> Settings:
    """Return the settings with what a service decides for itself.

    Its index follows the lists in the background, so that nobody waits for a changed list, and its
    processes share the processors.
    """
    workers = settings.intake.workers or max(1, (os.cpu_count() or 1) // settings.service.workers)
    return settings.model_copy(
        update={
            "intake": settings.intake.model_copy(update={"workers": workers}),
            "index": settings.index.model_copy(update={"background": True}),
        }
    )
