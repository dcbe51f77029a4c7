"""Admission: limits on jobs and memory. Work beyond them is refused at once, never dropped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from hashmatch.errors import OverloadedError

Result = TypeVar("Result")
# A body that sends nothing for this long keeps no place: stalled uploads must not keep others out.
_MAX_IDLE_S = 1.0
_QUEUE_HINT = "Try again later; service.queue is the number that may wait."


class Gate:
    """Limit on jobs of one kind: `workers` of them run, `queue` more wait, the rest are refused.

    All but the jobs themselves runs on the event loop's own thread, so that no lock is needed.
    """

    def __init__(self, name: str, *, workers: int, queue: int, hint: str = _QUEUE_HINT) -> None:
        self._hint = hint
        self._max_jobs = workers + queue
        self._workers = workers
        self._admitted = 0
        self._receiving = 0
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=f"hashmatch-{name}")

    @property
    def running(self) -> int:
        """Number of jobs that run, at most."""
        return min(self._admitted, self._workers)

    @property
    def waiting(self) -> int:
        """Number of jobs that wait, at least."""
        return max(0, self._admitted - self._workers)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Occupy a place until the end of the block. Raises `OverloadedError` where it is full."""
        if self._admitted >= self._max_jobs:
            raise self._full()
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    def require_room(self) -> None:
        """Raise `OverloadedError` where it is full, counting the bodies that are being received."""
        # Without the bodies being received, more of them would be read than there is room for, and
        # most would be refused only after their upload.
        if self._admitted + self._receiving >= self._max_jobs:
            raise self._full()

    @contextmanager
    def receiving(self) -> Iterator[Callable[[], None]]:
        """Reserve a place for a body that is being received, until the end of the block.

        Yields a function to call for each piece of it. The place is released when no piece arrives
        for a second, and reserved again with the next. Raises `OverloadedError` where it is full.
        """
        self.require_room()
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None
        is_counted = False

        # A bool counts as 0 or 1, so that a place is never counted or released twice.
        def release() -> None:
            nonlocal is_counted
            self._receiving -= is_counted
            is_counted = False

        def note_piece() -> None:
            nonlocal is_counted, timer
            self._receiving += not is_counted
            is_counted = True
            if timer is not None:
                timer.cancel()
            timer = loop.call_later(_MAX_IDLE_S, release)

        note_piece()
        try:
            yield note_piece
        finally:
            if timer is not None:
                timer.cancel()
            release()

    def _full(self) -> OverloadedError:
        return OverloadedError(
            f"{self._admitted} requests are already running or waiting",
            hint=self._hint,
        )

    async def admit(self, job: Callable[[], Result]) -> Result:
        """Run the job as `run` does, in a place of its own. Raises `OverloadedError`."""
        with self.admitted():
            return await self.run(job)

    async def run(self, job: Callable[[], Result]) -> Result:
        """Run the job in a thread once it is its turn, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, job)

    def close(self) -> None:
        """Finish the jobs that were accepted, and end the threads."""
        self._executor.shutdown()


class Buffers:
    """Limit on the memory for bodies that were received and not yet screened, over all requests."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self.buffered_bytes = 0

    @contextmanager
    def reserve(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that takes a number of bytes more, until the end of the block.

        It raises `OverloadedError` where the limit is reached, and may be called from any thread.
        """
        own_bytes = 0

        # Called for each piece, since Content-Length is not trusted.
        def take(more_bytes: int) -> None:
            nonlocal own_bytes
            with self._lock:
                if self.buffered_bytes + more_bytes > self._max_bytes:
                    raise OverloadedError(
                        "the memory for request bodies is full",
                        hint="Try again later; service.max_buffered_bytes is the limit.",
                    )
                own_bytes += more_bytes
                self.buffered_bytes += more_bytes

        try:
            yield take
        finally:
            with self._lock:
                self.buffered_bytes -= own_bytes
