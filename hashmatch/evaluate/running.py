"""Work spread over processes, with results as they come."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from hashmatch.errors import InputError
from hashmatch.imaging import forbid_core_dumps

_Result = TypeVar("_Result")


def run_over(
    work: Callable[[str], _Result], names: Sequence[str], workers: int
) -> Iterator[tuple[str, _Result]]:
    """Yield each name with its result, in the order in which they are done.

    One worker is this process. Raises `InputError` where a process ends early, as one that is
    killed for its memory does; what was yielded before is complete.
    """
    forbid_core_dumps()
    if workers == 1:
        for name in names:
            yield name, work(name)
        return
    # Not by forking: numba's threads do not survive it.
    executor = ProcessPoolExecutor(min(workers, max(1, len(names))), get_context("spawn"), _begin)
    try:
        futures = {executor.submit(work, name): name for name in names}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a process that measured ended early",
            hint="Use fewer --workers; --results FILE continues where it stopped.",
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _begin() -> None:
    """Prepare a process that measures."""
    forbid_core_dumps()
    # Ctrl-C ends the program, which ends its processes; they need not explain themselves.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
