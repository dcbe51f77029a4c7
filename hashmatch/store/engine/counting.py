"""Counts in memory that a thread of their own adds to the store."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from hashmatch.errors import StoreLockedError

from .database import Database

_Key = TypeVar("_Key", bound=tuple[Any, ...])

_FLUSH_EVERY_S = 1.0
# How often the last counts are tried at the end, where the store is busy.
_LAST_ATTEMPTS = 3


class BufferedCounts(Generic[_Key]):
    """Counts by key, which are added to the store about once a second.

    A commit for each clear image would cost more than the scan, and a store that is busy must not
    keep anybody from a verdict. What could not be written is kept and tried again. A program that
    ends without closing it writes the last counts, too; a killed process loses those of its last
    second, never a match.
    """

    def __init__(
        self, database: Database, write: Callable[[Session, Mapping[_Key, int]], None], name: str
    ) -> None:
        self._database = database
        self._write = write
        self._name = name
        self._counts: Counter[_Key] = Counter()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._has_counts = threading.Event()
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._at_exit = partial(_flush_at_exit, weakref.ref(self))
        atexit.register(self._at_exit)

    def count(self, key: _Key, number: int = 1) -> None:
        """Add to a count, in memory."""
        with self._lock:
            self._counts[key] += number
            # A thread does not survive a fork.
            if self._thread is None or not self._thread.is_alive():
                self._start()
        self._has_counts.set()

    def flush(self) -> None:
        """Add what was counted to the store. Raises `StoreError`; then nothing is lost."""
        with self._flushing:
            self._flush()

    def close(self) -> None:
        """End the thread and write the last counts. Raises `StoreError`, after a few attempts."""
        atexit.unregister(self._at_exit)
        self._is_closed.set()
        self._has_counts.set()
        for attempt in range(_LAST_ATTEMPTS):
            try:
                self.flush()
                break
            except StoreLockedError:
                if attempt == _LAST_ATTEMPTS - 1:
                    raise

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._flush_regularly, name=self._name, daemon=True)
        self._thread.start()

    def _flush_regularly(self) -> None:
        while self._has_counts.wait() and not self._is_closed.wait(_FLUSH_EVERY_S):
            self._has_counts.clear()
            try:
                self.flush()
            except Exception:  # noqa: BLE001 (kept and tried again; screening notices a lost store)
                self._has_counts.set()

    def _flush(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            with self._database.writing() as session:
                # In one order, so that two processes never wait for each other's rows.
                self._write(session, dict(sorted(counts.items())))
        except BaseException:
            with self._lock:
                self._counts.update(counts)
            raise


def _flush_at_exit(counts: weakref.ref[BufferedCounts[Any]]) -> None:
    """Write the last counts of what a program left open, where the store takes them."""
    if (one := counts()) is not None:
        with suppress(Exception):
            one.flush()
