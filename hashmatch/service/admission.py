"""How much is taken on at once: more than that is turned away at once, and nothing is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from hashmatch.errors import OverloadedError

Result = TypeVar("Result")
_SECONDS_STANDING_STILL = 1.0


class Gate:
    """Lets so many jobs in, works on `workers` of them at a time, and turns the rest away.

    All but the work itself happens on the event loop's own thread.
    """

    def __init__(self, name: str, *, workers: int, queue: int) -> None:
        self._most = workers + queue
        self._workers = workers
        self._admitted = 0
        self._arriving = 0
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=f"hashmatch-{name}")

    @property
    def running(self) -> int:
        """How many jobs are worked on, at most."""
        return min(self._admitted, self._workers)

    @property
    def waiting(self) -> int:
        """How many jobs wait, at least."""
        return max(0, self._admitted - self._workers)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Take part until the end of the block. Raises `OverloadedError` where it is full."""
        if self._admitted >= self._most:
            raise self._full()
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    def require_room(self) -> None:
        """Raise `OverloadedError` where it is full, or will be by what arrives just now."""
        if self._admitted + self._arriving >= self._most:
            raise self._full()

    @contextmanager
    def arriving(self) -> Iterator[Callable[[], None]]:
        """Keep room for a body that arrives, until the end of the block.

        Gives what is to be called for each piece of it: where none comes for a second it takes
        nobody's place any more, until the next does. Raises `OverloadedError` where there is none.
        """
        self.require_room()
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None
        counts = False

        def stand_aside() -> None:
            nonlocal counts
            self._arriving -= counts
            counts = False

        def go_on() -> None:
            nonlocal counts, timer
            self._arriving += not counts
            counts = True
            if timer is not None:
                timer.cancel()
            timer = loop.call_later(_SECONDS_STANDING_STILL, stand_aside)

        go_on()
        try:
            yield go_on
        finally:
            if timer is not None:
                timer.cancel()
            stand_aside()

    def _full(self) -> OverloadedError:
        return OverloadedError(
            f"{self._admitted} requests are waiting or worked on already",
            hint="Ask again later; service.queue says how many may wait.",
        )

    async def run(self, job: Callable[[], Result]) -> Result:
        """Do the job in turn, in a thread, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, job)

    def close(self) -> None:
        """Finish what was begun."""
        self._executor.shutdown()


class Buffers:
    """The memory that bodies lie in until they are screened: so many bytes, over all requests."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.held_bytes = 0

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Give what takes so many bytes more, until the end of the block.

        That raises `OverloadedError` where there are no more.
        """
        own_bytes = 0

        def take(more_bytes: int) -> None:
            nonlocal own_bytes
            if self.held_bytes + more_bytes > self._most_bytes:
                raise OverloadedError(
                    "the bodies of other requests fill the memory that there is for them",
                    hint="Ask again later; service.max_buffered_bytes says how much there is.",
                )
            own_bytes += more_bytes
            self.held_bytes += more_bytes

        try:
            yield take
        finally:
            self.held_bytes -= own_bytes
