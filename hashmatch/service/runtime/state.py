"""State of the service: one scanner, with its gates, buffers, metrics and authenticator."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError
from hashmatch.outbound import Fetcher
from hashmatch.outcome import Failure, Outcome, Reason
from hashmatch.prompts import PromptScreener, PromptVerdict
from hashmatch.screening import Scanner
from hashmatch.store.engine import Database
from hashmatch.wiring import open_database, open_prompt_screener_with, open_scanner_with

from ..http.admission import Buffers, Gate
from ..http.authentication import Authenticator, Networks
from ..telemetry.logs import logger
from ..telemetry.metrics import Metrics, StoreState
from .sync_runner import SyncRunner
from .warming import Warming

Result = TypeVar("Result")
# Readiness needs a query of the store. Probes ask without a token, and must not cause load.
_CACHE_S = 1.0
# A database that hangs counts as unreachable after this time.
_STORE_TIMEOUT_S = 5.0
# Files that are fetched at a time: they wait for other servers, and take no processor meanwhile.
_FETCHES = 8
# Reports and other long answers at a time, and how long a query of theirs may take.
_REPORTS, _READ_LIMIT_S = 2, 10.0
_MANY_ROWS = 100
_log = logger("hashmatch.service")


class ServiceState:
    """Objects that live as long as the service; close it at the end."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = _for_service(settings)
        self.metrics = metrics
        workers = self.settings.intake.workers
        with ExitStack() as opened:
            self.database: Database = opened.enter_context(closing(open_database(self.settings)))
            # Without lists the service starts, is not ready, and can still sync them.
            self.scanner: Scanner = opened.enter_context(
                open_scanner_with(self.settings, observe=metrics.observe_stage, require_lists=False)
            )
            self._opened = opened.pop_all()
        # Also what a process left that ended between a commit and its sealing.
        self.database.start_sealing()
        service = self.settings.service
        # Twice as many as decode at a time: while half of the scans decode, the others look up and
        # record.
        self.scans = Gate("scan", workers=2 * workers, queue=service.queue)
        # In threads of their own, so that lookups never wait for images to be decoded.
        self.lookups = Gate("lookup", workers=2, queue=service.queue)
        self.fetches = Gate("fetch", workers=_FETCHES, queue=service.queue)
        # Rows are turned into text in Python, which takes its lock from everybody else.
        self.reports = Gate("report", workers=_REPORTS, queue=0, hint="Try again later.")
        self.fetcher = Fetcher(
            service.fetch_hosts,
            self.settings.outbox.private_hosts,
            service.body_timeout_s,
            self.settings.intake.max_bytes,
        )
        self.buffers = Buffers(service.max_buffered_bytes)
        self.sync_runner = SyncRunner(self.settings, self.database, metrics.count_sync)
        # Each process counts by itself, and permits its share of the limit of a token.
        self.authenticator = Authenticator(self.database, share=1 / service.workers)
        self.networks = Networks(service.hma_networks, service.hma_scopes)
        self.store_state = StoreState(self.database, self.scanner.index_age_s)
        self._prompts: PromptScreener | None = None
        self._opening_prompts = Lock()
        self._readiness = _CachedReadiness(self.scanner.readiness_failure)
        self._warming = Warming(self.scanner)

    def check_prompt(self, prompt: str, prompt_id: str) -> PromptVerdict:
        """Screen a prompt, opening what that needs at the first. Raises `StoreError`."""
        with self._opening_prompts:
            if self._prompts is None:
                self._prompts = open_prompt_screener_with(self.settings, require_lists=False)
        return self._prompts.check(prompt, prompt_id=prompt_id, source="http")

    async def readiness_failure(self) -> Failure | None:
        """Return the reason why no image can be screened at this moment, None where they can."""
        return self._warming.failure or await self._readiness.get()

    @property
    def is_warm(self) -> bool:
        """Say whether a scan would take as long as any later one."""
        return self._warming.failure is None

    async def work(self, gate: Gate, job: Callable[[], Result]) -> Result:
        """Run a job once it is its turn, and observe how long it waited."""
        queued_at_s = time.perf_counter()

        def run() -> Result:
            self.metrics.observe_stage("wait", time.perf_counter() - queued_at_s)
            return job()

        return await gate.run(run)

    async def read(self, job: Callable[[], Result], rows: int) -> Result:
        """Run a job that reads rows for a person: among the reports where they are many.

        Raises `OverloadedError` where there is no room.
        """
        if rows > _MANY_ROWS:
            return await self.reports.admit(job)
        return await run_in_threadpool(job)

    def reading(self) -> AbstractContextManager[Session]:
        """Read the store for somebody who may ask for much. Raises `StoreSlowError`."""
        return self.database.reading(limit_s=_READ_LIMIT_S)

    def shed(self, content_id: str, detail: str, reason: Reason = Reason.OVERLOADED) -> Outcome:
        """Return the outcome of an image that is refused, and count it."""
        failure = Failure(reason, detail)
        return self.scanner.shed(failure, content_id=content_id)

    def follow_lists(self) -> None:
        """Match against a list that was just changed; a failure is logged: the change stays."""
        try:
            self.scanner.follow_lists()
        except HashmatchError as error:
            _log.warning("the index does not follow the lists", problem=error.message)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        self.note_gauges()
        return self.metrics.exposition(self.store_state)

    def note_gauges(self) -> None:
        """Set the gauges of running and waiting jobs, and of buffered bytes."""
        gates = (
            ("scan", self.scans),
            ("lookup", self.lookups),
            ("fetch", self.fetches),
            ("report", self.reports),
        )
        for name, gate in gates:
            self.metrics.note_jobs(name, gate.running, gate.waiting)
        self.metrics.note_buffered(self.buffers.buffered_bytes)

    def close(self) -> None:
        """Finish the accepted jobs, write the last counts, and close everything."""
        self._warming.close()
        # The accepted jobs need the scanner and the database, which are closed last.
        self.sync_runner.close()
        self._readiness.close()
        self.authenticator.close()
        self.reports.close()
        self.fetches.close()
        self.scans.close()
        self.lookups.close()
        if self._prompts is not None:
            self._prompts.close()
        self._opened.close()


def state_of(request: Request) -> ServiceState:
    """Return the state of the service that a request was sent to."""
    service: ServiceState = request.app.state.service
    return service


@dataclass(slots=True)
class _CachedReadiness:
    """The readiness failure, asked for once a second at most, and by one request at a time."""

    ask: Callable[[], Failure | None]
    lock: asyncio.Lock
    failure: Failure | None
    asked_at_s: float
    threads: ThreadPoolExecutor

    def __init__(self, ask: Callable[[], Failure | None]) -> None:
        self.ask, self.lock = ask, asyncio.Lock()
        self.failure, self.asked_at_s = None, float("-inf")
        self.threads = ThreadPoolExecutor(2, thread_name_prefix="hashmatch-readiness")

    async def get(self) -> Failure | None:
        async with self.lock:
            if time.monotonic() - self.asked_at_s >= _CACHE_S:
                try:
                    # The thread goes on after the time-out; its late answer is dropped.
                    async with asyncio.timeout(_STORE_TIMEOUT_S):
                        loop = asyncio.get_running_loop()
                        self.failure = await loop.run_in_executor(self.threads, self.ask)
                except TimeoutError:
                    detail = "the database does not answer"
                    self.failure = Failure(Reason.STORE_UNAVAILABLE, detail)
                self.asked_at_s = time.monotonic()
            return self.failure

    def close(self) -> None:
        self.threads.shutdown(wait=False)


def _for_service(settings: Settings) -> Settings:
    """Return the settings with those that differ in a service.

    Its index follows the lists in the background, so that no scan waits for a changed list, and its
    processes share the processors.
    """
    workers = settings.intake.workers or max(1, (os.cpu_count() or 1) // settings.service.workers)
    return settings.model_copy(
        update={
            "intake": settings.intake.model_copy(update={"workers": workers}),
            "index": settings.index.model_copy(update={"background": True}),
        }
    )
