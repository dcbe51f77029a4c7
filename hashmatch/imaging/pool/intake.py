"""The intake that decodes in a pool of separate, locked-down processes.

Why not one of the well-kept pools: all of them (pebble, loky, multiprocessing) unpickle what their
workers answer, and most let the workers share one pipe. Whoever takes over a decoder could then
run code outside, or answer for another image. Here each process has a pipe of its own and can
answer hashes only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from itertools import count
from threading import BoundedSemaphore, Lock

from ..hashing import Hashing
from ..interface import Intake, Reading
from ..limits import Limits, refusal
from ..reading import exact_hashes, pixel_algorithms
from .messages import Request, Setup
from .process import DecodingProcess, ProcessFailedError

# After so many files a process makes room for a new one: what a decoder leaks is bounded, and so
# is what somebody who took it over sees.
_REQUESTS_EACH = 1000


class PoolIntake(Intake):
    """Decodes each file in a process that has no files, no network, and little time and memory.

    A process that crashes, hangs or swells costs the file that it was reading and is replaced.
    Exact hashes are computed here, so that a listed file matches even when it cannot be decoded.
    """

    def __init__(
        self,
        limits: Limits,
        hashing: Hashing | None = None,
        *,
        workers: int = 0,
        timeout_s: float,
        max_memory_bytes: int,
        module: str = "hashmatch.imaging.pool.worker",
    ) -> None:
        """Start the first process; `workers` is the most at a time, 0 for one each processor."""
        self._limits = limits
        self._hashing = hashing or Hashing()
        self._timeout_s = timeout_s
        self._max_memory_bytes = max_memory_bytes
        self._module = module
        self._workers = workers or os.cpu_count() or 1
        self._numbers = count(1)
        self._algorithms: frozenset[str] = frozenset()
        self._is_closed = False
        self._idle: list[DecodingProcess] = []
        self._begin_anew()
        with suppress(ProcessFailedError):  # Then the first file tries, and says why it failed.
            self._idle.append(DecodingProcess(module))

    def read(self, data: bytes, algorithms: Set[str]) -> Reading:
        """Decode the file elsewhere and hash it with each of the algorithms."""
        if failure := refusal(data, self._limits.max_bytes):
            return Reading(None, exact_hashes(data, algorithms) if data else (), failure)
        wanted = pixel_algorithms(algorithms)
        request = Request(
            next(self._numbers), tuple(sorted(wanted)), len(data), self._limits.sampled_frames + 1
        )
        exact = None
        try:
            with self._process(wanted) as process:
                deadline = process.send(request, data)
                exact = exact_hashes(data, algorithms)  # While the other process decodes.
                reading = process.receive(request, deadline)
        except ProcessFailedError as error:
            exact = exact_hashes(data, algorithms) if exact is None else exact
            return Reading(None, exact, error.failure)
        return Reading(reading.media, exact + reading.hashes, reading.failure)

    def protections(self) -> dict[str, bool]:
        """Return by name what confines the processes, and whether it is in force here.

        Raises `ProcessFailedError` where no process can be started.
        """
        with self._process(frozenset()) as process:
            return process.protections

    def pids(self) -> list[int]:
        """Return the ids of the processes that wait for work."""
        with self._lock:
            return [process.pid for process in self._idle]

    def close(self) -> None:
        """End all processes; those at work end when they are done."""
        if os.getpid() != self._owner:
            self._begin_anew()
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.stop()

    @contextmanager
    def _process(self, wanted: frozenset[str]) -> Iterator[DecodingProcess]:
        """Lend a process that is ready; one that is left by an error is replaced."""
        if os.getpid() != self._owner:
            self._begin_anew()
        with self._turns:
            process = self._take(wanted)
            try:
                process.await_ready()
                yield process
            except BaseException:
                self._replace(process)
                raise
            if process.is_spent or process.requests >= _REQUESTS_EACH:
                self._replace(process)
            else:
                self._put_back(process)

    def _take(self, wanted: frozenset[str]) -> DecodingProcess:
        """Return a process that has loaded what is wanted, or is loading it."""
        with self._lock:
            self._algorithms |= wanted
            process = self._idle.pop() if self._idle else None
        if process is not None and process.is_alive:
            if not process.is_prepared:
                process.prepare(self._setup(self._algorithms))
                return process
            if wanted <= process.algorithms:
                return process
        if process is not None:
            process.stop()
        return self._started(self._algorithms)

    def _replace(self, process: DecodingProcess) -> None:
        process.stop()
        with suppress(ProcessFailedError):  # Then the next file tries, and says why it failed.
            self._put_back(self._started(self._algorithms))

    def _put_back(self, process: DecodingProcess) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(process)
                return
        process.stop()

    def _started(self, algorithms: frozenset[str]) -> DecodingProcess:
        process = DecodingProcess(self._module)
        process.prepare(self._setup(algorithms))
        return process

    def _setup(self, algorithms: frozenset[str]) -> Setup:
        return Setup(
            limits=self._limits,
            hashing=self._hashing,
            algorithms=tuple(sorted(algorithms)),
            timeout_s=self._timeout_s,
            max_memory_bytes=self._max_memory_bytes,
        )

    def _begin_anew(self) -> None:
        """Forget processes that belong to another: after a fork, both would talk to the same."""
        for process in self._idle:
            process.abandon()
        self._owner = os.getpid()
        self._lock = Lock()
        self._turns = BoundedSemaphore(self._workers)
        self._idle = []
