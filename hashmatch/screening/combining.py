"""Combining: what many threads want done at the same time, done together by one of them.

A commit costs the same for one image and for a hundred, so that all who wait join the next.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from hashmatch.errors import StoreLockedError

# Where several came together, those whose answers just went out are back within a moment. Without
# it they meet in two groups that take turns, and a commit serves half as many.
_GATHERING_S = 0.004

Job = TypeVar("Job")
Result = TypeVar("Result")


class Combiner(Generic[Job, Result]):
    """Does jobs of many threads together, in the order in which they came.

    `work` returns for each job its result, or the exception that is raised where it was asked for.
    Jobs are done together up to `max_weight`, and one that is heavier by itself. Nobody waits for
    longer than `patience_s`.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        weigh: Callable[[Job], int],
        *,
        max_weight: int,
        patience_s: float,
    ) -> None:
        self._work = work
        self._weigh = weigh
        self._max_weight = max_weight
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting = deque[_Ticket[Job, Result]]()
        # Of the turn before.
        self._taken = 0

    def do(self, job: Job) -> Result:
        """Return the result of a job, or raise its exception. Raises `StoreLockedError`."""
        ticket = _Ticket[Job, Result](job)
        with self._lock:
            self._waiting.append(ticket)
        try:
            # The one that has the turn does the jobs of all that wait, mostly with this one.
            while not ticket.answers:
                self._take_turn(ticket)
        finally:
            self._withdraw(ticket)
        answer = ticket.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _take_turn(self, ticket: _Ticket[Job, Result]) -> None:
        if not self._turn.acquire(timeout=self._patience_s):
            raise StoreLockedError(
                "the store has not answered those who came before",
                hint="Look at its host, and at what else writes to it.",
            )
        try:
            if not ticket.answers:
                self._do_some()
        finally:
            self._turn.release()

    def _do_some(self) -> None:
        if self._taken > 1:
            time.sleep(_GATHERING_S)
        taken = self._take()
        self._taken = len(taken)
        answers: Sequence[Result | Exception]
        try:
            answers = self._work([one.job for one in taken])
        except Exception as error:  # noqa: BLE001 (raised where the jobs were asked for)
            answers = [error] * len(taken)
        except BaseException:
            # What interrupts this thread is not about the jobs of others, who take the next turn.
            with self._lock:
                self._waiting.extendleft(reversed(taken))
            raise
        for ticket, answer in zip(taken, answers, strict=True):
            ticket.answers.append(answer)

    def _take(self) -> list[_Ticket[Job, Result]]:
        taken: list[_Ticket[Job, Result]] = []
        with self._lock:
            weight = 0
            while self._waiting:
                weight += self._weigh(self._waiting[0].job)
                if taken and weight > self._max_weight:
                    break
                taken.append(self._waiting.popleft())
        return taken

    def _withdraw(self, ticket: _Ticket[Job, Result]) -> None:
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)


class _Ticket(Generic[Job, Result]):
    """A job, and its answer once there is one."""

    __slots__ = ("answers", "job")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.answers: list[Result | Exception] = []
