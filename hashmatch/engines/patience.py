"""Patience with a store that is busy or away, as one is in the middle of much work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying as Attempts
from tenacity import retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from hashmatch.errors import StoreLockedError, StoreUnreachableError
from hashmatch.store.engine import retried

_T = TypeVar("_T")

_PATIENCE_S, _LONGEST_PAUSE_S = 60.0, 5.0


def patiently(work: Callable[[], _T]) -> _T:
    """Return what some work with the store returns, waiting for a minute. Raises `StoreError`."""
    attempts = Attempts(
        stop=stop_after_delay(_PATIENCE_S),
        wait=wait_exponential_jitter(multiplier=0.1, max=_LONGEST_PAUSE_S),
        retry=retry_if_exception_type((StoreLockedError, StoreUnreachableError)),
        reraise=True,
    )
    return attempts(work)


def write_patiently(work: Callable[[], _T]) -> _T:
    """Return as `patiently` does, doing the work again where another writer got in its way."""
    return patiently(lambda: retried(work))
