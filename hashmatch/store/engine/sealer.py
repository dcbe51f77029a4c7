"""Sealer: the thread of a database that seals audit records soon after they were committed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.errors import HashmatchError, StoreLockedError

from ..schema import AuditBatch, AuditHead
from .audit_log import Seal
from .known_chain import KnownChain
from .sealing import Turn, seal_some
from .statements import as_table

# A burst of transactions is sealed together; what other processes left is looked for once a second.
_GATHER_S, _LOOK_EVERY_S = 0.4, 0.7
# Other writers come in between two turns.
_PAUSE_S = 0.01
# At the end of a process nobody waits longer than this for the last records to be sealed: others
# or the next command will.
_MAX_CLOSE_S = 3.0
_MAX_REPORTED = 1_000
_log = logging.getLogger("hashmatch.audit")

_HEAD, _BATCHES = as_table(AuditHead).c, as_table(AuditBatch).c
_END = select(_HEAD.number, _HEAD.record_hash)
# In order, so that PostgreSQL goes by the index, which soon forgets what was removed.
_OLDEST = select(_BATCHES.key).order_by(_BATCHES.key).limit(1)

_Unit = Callable[[], AbstractContextManager[Session]]


class Sealer:
    """Seals what the transactions of this process leave, and once it runs, those of all others.

    Starts with the first record that is written. A failure is tried again and breaks nothing else.
    """

    def __init__(self, reading: _Unit, writing: _Unit, seal: Seal | None) -> None:
        self._reading, self._writing, self._seal = reading, writing, seal
        self._known = KnownChain()
        # A turn may have to wait for the database, and nobody who only starts it waits for that.
        self._turn, self._starting = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = threading.Event()
        self._has_written = threading.Event()
        self._reported = set[str]()

    def notice(self) -> None:
        """Seal soon: records were committed."""
        self._has_written.set()
        if self._thread is None:
            self.start()

    def start(self) -> None:
        """Seal from now on whatever any process leaves."""
        with self._starting:
            if self._thread is not None or self._is_closed.is_set():
                return
            self._thread = threading.Thread(target=self._run, name="hashmatch-sealer", daemon=True)
            self._thread.start()

    def seal_all(self, deadline_s: float | None = None) -> None:
        """Seal all that verifies, and wait for a process that seals at this moment.

        Up to a deadline, by the monotonic clock. Raises `StoreError`.
        """

        def is_over() -> bool:
            return deadline_s is not None and time.monotonic() > deadline_s

        while self._look():
            turn = self._take_turn(is_over)
            if is_over():
                return
            if not turn.is_taken and not turn.has_more and not turn.late:
                break
            time.sleep(_PAUSE_S)

    def close(self) -> None:
        """End the thread, and seal what this process wrote."""
        with self._starting:
            self._is_closed.set()
        if self._thread is None:
            return
        self._has_written.set()
        deadline_s = time.monotonic() + _MAX_CLOSE_S
        self._thread.join(_MAX_CLOSE_S)
        if not self._thread.is_alive():
            self._try(lambda: self.seal_all(deadline_s))

    def _run(self) -> None:
        while not self._is_closed.is_set():
            if self._has_written.wait(_LOOK_EVERY_S):
                self._has_written.clear()
                self._is_closed.wait(_GATHER_S)
            if not self._is_closed.is_set():
                self._try(self._seal_in_turns)

    def _seal_in_turns(self) -> None:
        while not self._is_closed.is_set() and self._look():
            turn = self._take_turn(self._is_closed.is_set)
            if not turn.has_more and not turn.late:
                break
            self._is_closed.wait(_PAUSE_S)

    def _look(self) -> bool:
        """Say whether there is anything to seal; follows what others sealed meanwhile."""
        with self._turn, self._reading() as session:
            head = session.execute(_END).first()
            if head is not None:
                self._known.follow(session, *head)
            return session.scalar(_OLDEST) is not None

    def _take_turn(self, is_over: Callable[[], bool]) -> Turn:
        with self._turn:
            with self._writing() as session:
                turn = seal_some(session, self._known, self._seal)
            self._known.take(turn.ends, is_signed=turn.is_signed)
        for key, problem in turn.refused.items():
            self._report(f"batch {key} of audit records cannot be sealed: {problem}")
        has_more = bool(turn.late)
        while has_more and not is_over():
            # In pieces, and while others write.
            with self._turn, self._reading() as session:
                has_more = self._known.look_back(session, turn.late)
        return turn

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoreLockedError:
            _log.info("audit records are not sealed yet: others are writing")
        except HashmatchError as error:
            self._report(f"audit records are not sealed yet: {error.message}")
        except Exception:  # noqa: BLE001 (whatever it is must not end the sealing for ever)
            _log.exception("audit records are not sealed yet")

    def _report(self, problem: str) -> None:
        """Log a problem once: it would be logged every second."""
        if problem not in self._reported:
            if len(self._reported) >= _MAX_REPORTED:
                self._reported.clear()
            self._reported.add(problem)
            _log.warning(problem)
