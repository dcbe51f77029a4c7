"""Pool intake: decodes in a pool of separate, locked-down processes.

The established pools (pebble, loky, multiprocessing) unpickle the answers of their workers, and
most let the workers share one pipe. An attacker in control of a decoder could then run code outside
or answer for another image. Here each process has a pipe of its own and can answer hashes only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from threading import Barrier, BoundedSemaphore, BrokenBarrierError, Lock

from PIL import Image

from hashmatch.hashes import Level
from hashmatch.outcome import Failure

from ..hashing import Hashing
from ..interface import Intake, Reading
from ..limits import Limits, refusal
from ..reading import exact_hashes, pixel_algorithms, read_picture
from .messages import Request, Setup
from .process import DecodingProcess, ProcessFailedError

# A process is replaced after this many files, which bounds both the memory that a decoder leaks and
# the number of files that an attacker in control of it can see.
_MAX_REQUESTS_PER_PROCESS = 1000
# Each level makes all views of those before it.
_EXTENT = {level: place for place, level in enumerate(Level)}


class PoolIntake(Intake):
    """An intake whose processes have no files, no network, and limited time and memory.

    A process that crashes, hangs or uses too much memory fails the file that it was reading and is
    replaced. Exact hashes are computed here, so that a listed file matches even if it cannot be
    decoded.
    """

    def __init__(
        self,
        limits: Limits,
        hashing: Hashing | None = None,
        *,
        workers: int = 0,
        timeout_s: float,
        max_memory_bytes: int,
        trust_anchors: str = "",
        module: str = "hashmatch.imaging.pool.worker",
    ) -> None:
        """Start the first process.

        `workers` is the maximum number of processes at a time, 0 for one per processor;
        `trust_anchors` are the certificates that content credentials are trusted by, in PEM.
        """
        self._limits = limits
        self._hashing = hashing or Hashing()
        self._timeout_s = timeout_s
        self._max_memory_bytes = max_memory_bytes
        self._module = module
        self._trust_anchors = trust_anchors
        self._workers = workers or os.cpu_count() or 1
        self._request_numbers = count(1)
        self._algorithms: frozenset[str] = frozenset()
        self._level = self._hashing.level
        self._is_closed = False
        self._idle: list[DecodingProcess] = []
        self._reset()
        with suppress(ProcessFailedError):  # The first file tries again, and reports the reason.
            self._idle.append(DecodingProcess(module))

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        """Decode the file in a process of the pool and hash it with each of the algorithms."""
        if failure := refusal(data, self._limits.max_bytes):
            return Reading(None, exact_hashes(data, algorithms) if data else (), failure)
        wanted = pixel_algorithms(algorithms)
        request = Request(
            next(self._request_numbers),
            tuple(sorted(wanted)),
            len(data),
            level or self._hashing.level,
        )
        exact = None
        try:
            with self._process(wanted, request.level) as process:
                deadline = process.send(request, data)
                exact = exact_hashes(data, algorithms)  # Meanwhile the process decodes.
                reading = process.receive(request, deadline)
        except ProcessFailedError as error:
            exact = exact_hashes(data, algorithms) if exact is None else exact
            return Reading(None, exact, error.failure)
        return replace(reading, hashes=exact + reading.hashes)

    def read_picture(
        self, picture: Image.Image, algorithms: Set[str], level: Level | None = None
    ) -> Reading:
        """Hash a picture in memory with each of the algorithms that hash pixels."""
        hashing = replace(self._hashing, level=level or self._hashing.level)
        return read_picture(picture, algorithms, self._limits, hashing)

    def prepare(self, algorithms: Set[str]) -> Failure | None:
        """Start all processes at once and wait until each has loaded what it needs."""
        wanted = pixel_algorithms(algorithms)
        all_ready = Barrier(self._workers)

        def occupy_one() -> Failure | None:
            try:
                with self._process(wanted, self._hashing.level), suppress(BrokenBarrierError):
                    all_ready.wait()  # Until then no other thread can get the same one.
            except ProcessFailedError as error:
                all_ready.abort()
                return error.failure
            return None

        with ThreadPoolExecutor(self._workers) as threads:
            results = [threads.submit(occupy_one) for _ in range(self._workers)]
            return next((failure for one in results if (failure := one.result())), None)

    def protections(self) -> dict[str, bool]:
        """Return the protections of the processes by name, with whether each is in force.

        Raises `ProcessFailedError` if no process can be started.
        """
        with self._process(frozenset(), Level.PLAIN) as process:
            return process.protections

    def pids(self) -> list[int]:
        """Return the ids of the idle processes."""
        with self._lock:
            return [process.pid for process in self._idle]

    def close(self) -> None:
        """End all idle processes; busy ones end with the file that they are reading."""
        if os.getpid() != self._owner:
            self._reset()
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.stop()

    @contextmanager
    def _process(self, wanted: frozenset[str], level: Level) -> Iterator[DecodingProcess]:
        """Lend a ready process, which is replaced if the caller raises."""
        if os.getpid() != self._owner:
            self._reset()
        with self._slots:
            process = self._acquire(wanted, level)
            try:
                process.await_ready()
                yield process
            except BaseException:  # It may still be decoding, so it cannot serve the next file.
                self._replace(process)
                raise
            if process.is_exhausted or process.requests >= _MAX_REQUESTS_PER_PROCESS:
                self._replace(process)
            else:
                self._release(process)

    def _acquire(self, wanted: frozenset[str], level: Level) -> DecodingProcess:
        """Return a process that has loaded the wanted algorithms and level, or is loading them."""
        with self._lock:
            # Every new process loads all that was asked for so far, as it cannot load any later.
            self._algorithms |= wanted
            self._level = max(self._level, level, key=_EXTENT.__getitem__)
            process = self._idle.pop() if self._idle else None
        if process is not None and process.is_alive:
            if not process.is_prepared:
                process.prepare(self._setup(self._algorithms))
                return process
            if wanted <= process.algorithms and _EXTENT[level] <= _EXTENT[process.level]:
                return process
        if process is not None:
            process.stop()
        return self._start(self._algorithms)

    def _replace(self, process: DecodingProcess) -> None:
        process.stop()
        with suppress(ProcessFailedError):  # The next file tries again, and reports the reason.
            self._release(self._start(self._algorithms), is_loading=True)

    def _release(self, process: DecodingProcess, *, is_loading: bool = False) -> None:
        with self._lock:
            if not self._is_closed:  # The pool may have been closed while it was busy.
                # The last one is lent first, and one that still loads after all others.
                self._idle.insert(0 if is_loading else len(self._idle), process)
                return
        process.stop()

    def _start(self, algorithms: frozenset[str]) -> DecodingProcess:
        process = DecodingProcess(self._module)
        process.prepare(self._setup(algorithms))
        return process

    def _setup(self, algorithms: frozenset[str]) -> Setup:
        return Setup(
            limits=self._limits,
            hashing=replace(self._hashing, level=self._level),
            algorithms=tuple(sorted(algorithms)),
            timeout_s=self._timeout_s,
            max_memory_bytes=self._max_memory_bytes,
            trust_anchors=self._trust_anchors,
        )

    def _reset(self) -> None:
        """Forget the processes of a parent: after a fork, both would use the same pipes."""
        for process in self._idle:
            process.abandon()
        self._owner = os.getpid()
        self._lock = Lock()
        self._slots = BoundedSemaphore(self._workers)
        self._idle = []
