"""Queue of the writers of one SQLite file, in the order in which they come, over all processes.

SQLite has one writer at a time and lets the others poll, so that a loop of short transactions would
keep everybody else out. Here each takes a ticket: a byte of a file beside the database, locked as
long as its process holds it. The turn of a ticket comes when no earlier one is held. The system
gives back the tickets of a process that died.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Background writers let others go first for so long, and then wait in the same queue.
PATIENCE_S = 0.25
_SUFFIX = "-queue"
# Locks that belong to an open file, unlike the older ones, which a process loses with any of its
# descriptors. Without them only the writers of one process have an order.
_SET = getattr(fcntl, "F_OFD_SETLK", None)
_GET = getattr(fcntl, "F_OFD_GETLK", None)
# As `struct flock` has it where those locks exist: kind, whence, first byte, length, process.
_LOCK = struct.Struct("hhqqi4x")
# The byte that is held while a ticket is taken, and the first of those that are tickets.
_TAKING, _FIRST_TICKET = 16, 32
_LAST_TICKET = 1 << 61
_NEXT = struct.Struct("<q")
# A waiting writer looks again this often; the order does not depend on it.
_SHORTEST_SLEEP_S, _LONGEST_SLEEP_S = 0.000_2, 0.004


class WriterQueue:
    """Queue of writers: threads of this process, and with a file those of all processes of a host.

    A background writer takes its turn when nobody else waits, or has waited for `PATIENCE_S`.
    """

    def __init__(self, places: int, database: Path | None) -> None:
        self._threads = _ThreadQueue(places)
        has_locks = database is not None and _SET is not None
        self._file = _FileQueue(database) if database is not None and has_locks else None

    @contextmanager
    def turn(self, timeout_s: float, *, background: bool) -> Iterator[bool]:
        """Wait for a turn, and hold it; yields whether it came within the time-out."""
        deadline_s = time.monotonic() + timeout_s
        patience_s = PATIENCE_S if background else 0.0
        if not self._threads.enter(deadline_s, patience_s):
            yield False
            return
        try:
            if self._file is None:
                yield True
            else:
                with self._file.turn(deadline_s, patience_s) as has_turn:
                    yield has_turn
        finally:
            self._threads.leave()


class _ThreadQueue:
    """Queue of the threads of one process, `places` of which have their turn at a time."""

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: deque[_Waiter] = deque()
        self._background: deque[_Waiter] = deque()

    def enter(self, deadline_s: float, patience_s: float) -> bool:
        """Wait for a place; say whether there was one before the deadline."""
        with self._lock:
            if self._free and not self._waiting:
                self._free -= 1
                return True
            one = _Waiter(patience_s)
            queue = self._background if patience_s else self._waiting
            queue.append(one)
        try:
            one.has_turn.wait(max(0.0, deadline_s - time.monotonic()))
        except BaseException:  # Ctrl-C: the place must not be lost.
            if not self._stays(queue, one):
                self.leave()
            raise
        return not self._stays(queue, one)

    def _stays(self, queue: deque[_Waiter], one: _Waiter) -> bool:
        """Take one that got no turn out of its queue; say whether that was so."""
        with self._lock:
            if one.has_turn.is_set():
                return False
            queue.remove(one)
            return True

    def leave(self) -> None:
        """Give the place to the next thread in line."""
        with self._lock:
            if (following := self._next()) is None:
                self._free += 1
            else:
                following.has_turn.set()

    def _next(self) -> _Waiter | None:
        is_impatient = self._background and self._background[0].patient_until_s < time.monotonic()
        if self._waiting and not is_impatient:
            return self._waiting.popleft()
        return self._background.popleft() if self._background else None


class _Waiter:
    def __init__(self, patience_s: float) -> None:
        self.has_turn = threading.Event()
        self.patient_until_s = time.monotonic() + patience_s


class _FileQueue:
    """Queue of processes, of each of which one thread at a time stands in it."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + _SUFFIX)

    @contextmanager
    def turn(self, deadline_s: float, patience_s: float) -> Iterator[bool]:
        """Wait for a turn, and hold it; yields whether it came before the deadline."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # Who may not write beside the database writes nothing into it either.
            yield True
            return
        try:
            yield _wait_in_line(descriptor, deadline_s, patience_s)
        finally:
            # Closing is not enough: a process forked meanwhile has the descriptor, too.
            _set(descriptor, fcntl.F_UNLCK, 0, _LAST_TICKET)
            os.close(descriptor)


def _wait_in_line(descriptor: int, deadline_s: float, patience_s: float) -> bool:
    """Take a ticket and wait until no earlier one is held; say whether it was before the deadline.

    With patience the ticket is taken once nobody holds any, or the patience is over.
    """
    patient_until_s = min(deadline_s, time.monotonic() + patience_s)
    if patience_s:
        _wait_until(lambda: _is_free(descriptor, _LAST_TICKET), patient_until_s)
    taking = (descriptor, fcntl.F_WRLCK, _TAKING, 1)
    if not _wait_until(lambda: _set(*taking), deadline_s):
        return False
    ticket = _take_ticket(descriptor)
    _set(descriptor, fcntl.F_UNLCK, _TAKING, 1)
    return _wait_until(lambda: _is_free(descriptor, ticket), deadline_s)


def _take_ticket(descriptor: int) -> int:
    """Lock the next ticket and return it."""
    text = os.pread(descriptor, _NEXT.size, 0)
    ticket = _NEXT.unpack(text)[0] if len(text) == _NEXT.size else _FIRST_TICKET
    if not _FIRST_TICKET <= ticket < _LAST_TICKET:
        ticket = _FIRST_TICKET
    # Held already where the file was replaced or its number lost.
    while not _set(descriptor, fcntl.F_WRLCK, ticket, 1):
        ticket += 1
    os.pwrite(descriptor, _NEXT.pack(ticket + 1), 0)
    return ticket


def _wait_until(is_so: Callable[[], bool], deadline_s: float) -> bool:
    """Ask until the answer is yes; say whether it was before the deadline."""
    sleep_s = _SHORTEST_SLEEP_S
    while not is_so():
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(sleep_s)
        sleep_s = min(2 * sleep_s, _LONGEST_SLEEP_S)
    return True


def _is_free(descriptor: int, end: int) -> bool:
    """Say whether nobody else holds a ticket before this one."""
    asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _FIRST_TICKET, end - _FIRST_TICKET, 0)
    # A length of nothing would mean all bytes that follow.
    if end == _FIRST_TICKET:
        return True
    answer = fcntl.fcntl(descriptor, _GET, asked)  # type: ignore[arg-type]
    return bool(_LOCK.unpack(answer)[0] == fcntl.F_UNLCK)


def _set(descriptor: int, kind: int, start: int, length: int) -> bool:
    """Lock or unlock bytes; say whether nobody else had a lock on them."""
    wanted = _LOCK.pack(kind, os.SEEK_SET, start, length, 0)
    try:
        fcntl.fcntl(descriptor, _SET, wanted)  # type: ignore[arg-type]
    except (BlockingIOError, PermissionError):
        return False
    return True
