"""Keeping of the hashes of uploads, as they are screened."""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hashmatch.errors import StoreError
from hashmatch.hashes import SEARCH_VIEWS, Hash, Orientation

from .rows import Row, write_line

# A spool is ended after so many bytes, or so long, and is then for others to settle.
SPOOL_BYTES, SPOOL_S = 64 << 20, 3_600.0
# Of the newest uploads, the same one is retained once in so many seconds.
_REMEMBERED, _AGAIN_S = 256, 600


class Keeper:
    """Keeper of the hashes of uploads. Safe to use from many threads.

    It keeps those of the views that viewers show, each in the file of this process before the
    verdict is given: what a killed process has kept stays. `algorithms` are those that it keeps.
    """

    def __init__(
        self, folder: Path, algorithms: Sequence[str], clock: Callable[[], float] = time.time
    ) -> None:
        """Take the folder of spools."""
        self.algorithms = frozenset(algorithms)
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._file = -1
        self._begun_s = 0.0
        self._size = 0
        self._newest: deque[int] = deque(maxlen=_REMEMBERED)

    def keep(self, content_id: str, hashes: Iterable[Hash]) -> None:
        """Keep the hashes of an upload. Raises `StoreError` where they cannot be written."""
        at = int(self._clock())
        rows = [Row.of(content_id, at, one) for one in hashes if self._is_retained(one)]
        if not rows:
            return
        data = "".join(map(write_line, rows)).encode()
        # A file that is screened again and again, while something else is waited for, is one.
        same = hash((content_id, at // _AGAIN_S, *(one.value for one in rows)))
        with self._lock:
            if same in self._newest:
                return
            try:
                self._write(data)
                self._newest.append(same)
            except OSError as error:
                self._end()
                raise StoreError(
                    f"{self._folder}: hashes cannot be retained: {error.strerror}",
                    hint="Make room there, or set retained_hashes.enabled to false.",
                ) from error

    def close(self) -> None:
        """End the spool."""
        with self._lock:
            self._end()

    def _is_retained(self, one: Hash) -> bool:
        return (
            one.algorithm.name in self.algorithms
            and one.view not in SEARCH_VIEWS
            and one.orientation is Orientation.ORIGINAL
        )

    def _write(self, data: bytes) -> None:
        is_old = self._clock() - self._begun_s > SPOOL_S
        if self._file >= 0 and (is_old or self._size > SPOOL_BYTES):
            self._end()
        if self._file < 0:
            self._begin()
        # A line that is not complete is passed over, and the next file begins a new one.
        if os.write(self._file, data) != len(data):
            raise OSError(28, "no space left on device")
        self._size += len(data)

    def _begin(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The name says when it was begun, before which nothing in it was.
        path = self._folder / f"{time.time_ns()}-{secrets.token_hex(8)}.new"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        # Held until this process ends it, or ends; only then others may see the file.
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.rename(path.with_suffix(".jsonl"))
        self._begun_s, self._size = self._clock(), 0

    def _end(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


# Keeps nothing.
NO_KEEPER = Keeper(Path(), ())
