"""Gate: what a generator puts before its outputs, and before the pictures that it starts from.

It fails closed: whatever got no verdict in time is not shown, whatever the reason.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Lock
from typing import Any, Protocol

from hashmatch.closing import Closing
from hashmatch.hashes import Level
from hashmatch.outcome import Outcome, Reason
from hashmatch.prompts import PromptOutcome, PromptVerdict
from hashmatch.screening import Picture

from .decisions import Checked, Context, Decision, Role, Verdict, decide, unscreened
from .pictures import Shown, is_plain, take

BUDGET_S = 10.0
# Checks at a time, each of which may be a batch. More wait, and their time runs.
_WORKERS = 8
_WITHOUT_VERDICT = "the scanner gave no verdict in time"
_FAILED = "the scanner failed"


class Screening(Protocol):
    """Part of a scanner that a gate needs; `hashmatch.open_scanner` gives one."""

    def scan(
        self, data: bytes, *, content_id: str, reference: str = "", level: Level | None = None
    ) -> Outcome:
        """Screen one file held in memory."""

    def scan_pictures(
        self, pictures: Sequence[Picture], *, level: Level | None = None
    ) -> list[Outcome]:
        """Screen pictures that are in memory, as a batch."""


class PromptScreening(Protocol):
    """Part of a screener of prompts that a gate needs; see `hashmatch.open_prompt_screener`."""

    def check(self, prompt: str, *, prompt_id: str = "", source: str = "") -> PromptVerdict:
        """Screen a prompt."""


class ImageGate(Closing):
    """Decides which pictures of a generator may be shown; safe to use from many threads.

    `budget_s` is the time for all verdicts of one check, and `level` the level of search, by
    default that of the scanner. A match that is for review is not shown unless `shows_review`: a
    generator has nobody who looks at it first. `count` is called with each decision and its
    context. Closing the gate leaves the scanner open; `on_close` is called then. With `prompts` it
    also decides about the words that a picture is asked for with.
    """

    def __init__(
        self,
        scanner: Screening,
        *,
        budget_s: float = BUDGET_S,
        level: Level | None = None,
        shows_review: bool = False,
        count: Callable[[Context, Sequence[Decision]], None] = lambda _context, _decisions: None,
        on_close: Callable[[], None] = lambda: None,
        prompts: PromptScreening | None = None,
    ) -> None:
        self._scanner = scanner
        self._prompts = prompts
        self._budget_s = budget_s
        self._level = level
        self._shows_review = shows_review
        self._count = count
        self._on_close = on_close
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._owner = 0

    def check(self, images: Any, *, context: Context | None = None) -> Checked:
        """Return a decision for each picture, and the pictures that may be shown.

        `images` are Pillow images, arrays, tensors, the bytes of files, or a list of them; see
        `hashmatch.gate.pictures.take`, with the errors that it raises. A picture whose pixels are
        all equal, such as the black one of another filter, is shown and named so.
        """
        begun_s = time.monotonic()
        context = context or Context()
        budget_s = self._budget_s if context.budget_s is None else context.budget_s
        given = take(images)
        decisions = self._decide(given.pictures, context, begun_s + budget_s)
        self._count(context, decisions)
        withheld = {number for number, one in enumerate(decisions) if not one.is_shown}
        return Checked(tuple(decisions), given.without(withheld))

    @property
    def checks_prompts(self) -> bool:
        """Say whether the gate decides about prompts, too."""
        return self._prompts is not None

    def passes_prompts(self, texts: Sequence[str], *, context: Context | None = None) -> bool:
        """Say whether texts may be passed to a generator: all are clear, or no gate looks at them.

        Those for review may pass if the gate `shows_review`, but for what could not be checked.
        """
        if self._prompts is None:
            return True
        context = context or Context()
        # Each by itself: what stands beside a text must not change how it reads.
        return all(self._passes(one, context) for one in dict.fromkeys(texts))

    def _passes(self, text: str, context: Context) -> bool:
        if self._prompts is None:
            return True
        verdict = self._prompts.check(text, prompt_id=context.content_id, source=context.adapter)
        if self._shows_review and verdict.reason is None:
            return verdict.outcome is not PromptOutcome.BLOCK
        return verdict.is_clear

    def close(self) -> None:
        """Release the threads; checks that are under way end by themselves."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None and self._owner == os.getpid():
            threads.shutdown(wait=False, cancel_futures=True)
        self._on_close()

    def _decide(
        self, pictures: Sequence[Shown], context: Context, deadline_s: float
    ) -> list[Decision]:
        names = _names(context, len(pictures))
        decided: dict[int, Decision] = {}
        in_memory: dict[int, Picture] = {}
        waiting: list[tuple[list[int], Future[list[Outcome]]]] = []
        for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
            if isinstance(picture, bytes):
                waiting.append(([number], self._submit(self._scan, picture, name, context)))
            elif is_plain(picture):
                decided[number] = Decision(name, Verdict.PLAIN, is_shown=True)
            else:
                in_memory[number] = Picture(picture, name, context.reference)
        if in_memory:
            batch = list(in_memory.values())
            waiting.append((list(in_memory), self._submit(self._scan_pictures, batch)))
        for numbers, future in waiting:
            some = self._await(future, [names[one] for one in numbers], context.role, deadline_s)
            decided.update(zip(numbers, some, strict=True))
        return [decided[number] for number in range(len(pictures))]

    def _scan(self, data: bytes, name: str, context: Context) -> list[Outcome]:
        return [
            self._scanner.scan(
                data, content_id=name, reference=context.reference, level=self._level
            )
        ]

    def _scan_pictures(self, pictures: Sequence[Picture]) -> list[Outcome]:
        return self._scanner.scan_pictures(pictures, level=self._level)

    def _await(
        self, future: Future[list[Outcome]], names: Sequence[str], role: Role, deadline_s: float
    ) -> list[Decision]:
        """Return the decisions on some pictures, which are unscreened after the deadline."""
        try:
            outcomes = future.result(max(0.0, deadline_s - time.monotonic()))
        except FutureTimeoutError:
            future.cancel()
            return [unscreened(name, Reason.TIMED_OUT, _WITHOUT_VERDICT) for name in names]
        except Exception as error:  # noqa: BLE001 (unscreened, whatever it is)
            detail = f"{_FAILED} ({type(error).__name__})"
            return [unscreened(name, Reason.INTERNAL_ERROR, detail) for name in names]
        if [one.content_id for one in outcomes] != list(names):
            return [unscreened(name, Reason.INTERNAL_ERROR, _FAILED) for name in names]
        return [decide(one, role, shows_review=self._shows_review) for one in outcomes]

    def _submit(self, work: Callable[..., list[Outcome]], *given: Any) -> Future[list[Outcome]]:
        with self._lock:
            if self._threads is None or self._owner != os.getpid():  # Threads do not survive forks.
                self._threads = ThreadPoolExecutor(_WORKERS, "hashmatch-gate")
                self._owner = os.getpid()
            return self._threads.submit(work, *given)


def _names(context: Context, count: int) -> list[str]:
    """Return a content id for each picture."""
    base = context.content_id or f"{context.role.value}:{uuid.uuid4().hex}"
    return [base] if count == 1 else [f"{base}/{number}" for number in range(count)]
