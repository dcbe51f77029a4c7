"""Retrying of units of work in which another writer stood in the way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from hashmatch.errors import StoreConflictError

Result = TypeVar("Result")

_ATTEMPTS = 6
# Doubled with each attempt, and shortened at random, so that two writers do not meet again.
_FIRST_PAUSE_S = 0.004


def retried(work: Callable[[], Result]) -> Result:
    """Return the result of a whole unit of work, done again where it met another writer.

    What an upsert finds may be removed before it is read, and the row that a new one refers to may
    go; done again, the work sees the store as it is then. It must have no effect but through its
    transaction. Raises `StoreConflictError` after some attempts, and anything else at once.
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return work()
        except StoreConflictError:
            time.sleep(random.uniform(0, _FIRST_PAUSE_S * 2**attempt))  # noqa: S311 (no secret)
    return work()
