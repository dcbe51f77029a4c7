"""Jobs that run in parallel, with their results in the order of the jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from hashmatch.errors import InputError

_Result = TypeVar("_Result")


def in_order(jobs: Iterable[Callable[[], _Result]], workers: int) -> Generator[_Result, None, None]:
    """Run this many jobs at a time and yield their results in the order of the jobs.

    Jobs are taken only a few ahead of the results. Closing it drops those that have not started.
    """
    waiting: deque[Future[_Result]] = deque()
    threads = ThreadPoolExecutor(workers)
    try:
        for job in jobs:
            waiting.append(_submitted(threads, job))
            # A few more than run in parallel, so that a slow image does not leave workers idle.
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def _submitted(threads: ThreadPoolExecutor, job: Callable[[], _Result]) -> Future[_Result]:
    try:
        return threads.submit(job)
    except RuntimeError as error:
        hint = "Lower the number of workers, or raise the process limit of this user."
        raise InputError(f"screening images in parallel: {error}", hint=hint) from error
