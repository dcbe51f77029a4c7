"""The scanner for an event loop: the same calls, in threads of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hashmatch.closing import AsyncClosing
from hashmatch.hashes import Hash, Level
from hashmatch.outcome import Outcome

from .scan_methods import Upload
from .scanner import Scanner

_Result = TypeVar("_Result")


class AsyncScanner(AsyncClosing):
    """A scanner whose calls are awaited; see `hashmatch.open_async_scanner` and `Scanner`.

    Screening runs in threads of its own and in the decoding processes, so that the event loop goes
    on. A scan whose task is cancelled goes on, too, and what it matches is recorded.
    """

    def __init__(self, scanner: Scanner, workers: int = 0) -> None:
        """Take the scanner, which it owns, and the most calls at a time, 0 for two a processor."""
        self._scanner = scanner
        self._threads = ThreadPoolExecutor(
            workers or 2 * (os.cpu_count() or 1), thread_name_prefix="hashmatch"
        )

    async def scan(
        self, data: bytes, *, content_id: str, reference: str = "", level: Level | None = None
    ) -> Outcome:
        """Screen the bytes of one file; see `Scanner.scan`."""
        return await self._run(
            partial(
                self._scanner.scan, data, content_id=content_id, reference=reference, level=level
            )
        )

    async def scan_file(
        self, path: str | Path, *, content_id: str = "", level: Level | None = None
    ) -> Outcome:
        """Screen one file; see `Scanner.scan_file`."""
        return await self._run(
            partial(self._scanner.scan_file, path, content_id=content_id, level=level)
        )

    async def scan_image(
        self, image: Any, *, content_id: str, reference: str = "", level: Level | None = None
    ) -> Outcome:
        """Screen one picture in memory; see `Scanner.scan_image`."""
        return await self._run(
            partial(
                self._scanner.scan_image,
                image,
                content_id=content_id,
                reference=reference,
                level=level,
            )
        )

    async def scan_many(
        self, images: Iterable[tuple[str, Upload]], *, level: Level | None = None
    ) -> AsyncIterator[Outcome]:
        """Screen images in parallel, and yield their outcomes in order; see `Scanner.scan_many`.

        `images` is iterated in a thread.
        """
        outcomes = self._scanner.scan_many(images, level=level)
        try:
            while (outcome := await self._run(partial(next, outcomes, None))) is not None:
                yield outcome
        finally:
            await self._run(outcomes.close)

    async def lookup(
        self, hashes: Sequence[Hash], *, content_id: str, reference: str = ""
    ) -> Outcome:
        """Screen hashes of one image that were computed elsewhere; see `Scanner.lookup`."""
        return await self._run(
            partial(self._scanner.lookup, hashes, content_id=content_id, reference=reference)
        )

    async def close(self) -> None:
        """Let the calls that run end, write the last counts and release everything.

        Raises `StoreError`.
        """
        await self._run(self._scanner.close)
        self._threads.shutdown(wait=False)

    async def _run(self, call: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
