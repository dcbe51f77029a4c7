"""The clients' own record of a run: answers, disturbances, decisions, and what was notified."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .expectations import Judgement

_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: when it was asked for and given, and what it was worth."""

    kind: str
    asked_s: float
    answered_s: float
    judgement: Judgement
    reason: str


@dataclass(slots=True)
class Window:
    """A disturbance: its begin, when its cause was repaired, and when all was well again."""

    kind: str
    began_s: float
    repaired_s: float = 0.0
    ended_s: float = float("inf")


class Journal:
    """JSON Lines of everything, in a folder, for looking at afterwards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def write(self, name: str, **facts: Any) -> None:
        """Append one line to the file of that name."""
        with self._lock, (self._folder / f"{name}.jsonl").open("a") as stream:
            stream.write(json.dumps(facts) + "\n")


@dataclass
class Ledger:
    """Everything that clients, people and the receiver know; safe to use from many threads."""

    journal: Journal
    answers: list[Answer] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    # By the id of a match, the content it was answered for.
    matched: dict[str, str] = field(default_factory=dict)
    notified: Counter[str] = field(default_factory=Counter)
    # By the case, the state that its last decision led to, and all contents with a dismissal.
    decided: dict[int, str] = field(default_factory=dict)
    dismissed: set[str] = field(default_factory=set)
    unanswered: int = 0
    followed_s: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_answer(self, answer: Answer, content_id: str, match_ids: Iterable[str]) -> None:
        """Note one answer, and the matches that it named."""
        with self._lock:
            self.answers.append(answer)
            self.matched.update(dict.fromkeys(match_ids, content_id))
        self.journal.write(
            "answers", kind=answer.kind, content_id=content_id, asked_s=round(answer.asked_s, 3),
            took_s=round(answer.answered_s - answer.asked_s, 4), judgement=answer.judgement,
            reason=answer.reason,
        )  # fmt: skip
        if answer.judgement in (Judgement.FALSE_CLEAR, Judgement.FALSE_MATCH):
            self.note_problem(f"{answer.judgement} of {content_id} at {answer.asked_s:.1f} s")

    def note_problem(self, text: str) -> None:
        """Note something that must not be, which fails the run."""
        self.journal.write("problems", problem=text)
        with self._lock:
            if len(self.problems) < _EXAMPLES:
                self.problems.append(text)

    def note_notified(self, match_ids: Iterable[str]) -> None:
        """Note the matches of a notification that was accepted."""
        with self._lock:
            self.notified.update(match_ids)

    def note_unanswered(self, number: int) -> None:
        """Note how many requests of a client have no verdict at the end."""
        with self._lock:
            self.unanswered += number

    def note_dismissal(self, content_id: str) -> None:
        """Note, before it is asked for, that a case may come to be removed by retention."""
        with self._lock:
            self.dismissed.add(content_id)

    def note_decision(self, case: int, state: str) -> None:
        """Note a decision that was acknowledged."""
        with self._lock:
            self.decided[case] = state

    def open_window(self, kind: str, began_s: float) -> Window:
        """Begin a disturbance."""
        window = Window(kind, began_s)
        with self._lock:
            self.windows.append(window)
        return window

    def close_window(self, window: Window, ended_s: float) -> None:
        """End a disturbance, which counts as calm from then on."""
        window.ended_s = ended_s
        self.journal.write(
            "disturbances", kind=window.kind, began_s=round(window.began_s, 2),
            repaired_s=round(window.repaired_s, 2), ended_s=round(ended_s, 2),
        )  # fmt: skip

    def has_recovered(self, repaired_s: float, now_s: float, quiet_s: float, fewest: int) -> bool:
        """Say whether for some time, and some answers, each one was a verdict."""
        with self._lock:
            recent = [one for one in self.answers[-200:] if one.answered_s >= now_s - quiet_s]
        is_quiet = all(one.judgement is not Judgement.NO_VERDICT for one in recent)
        return now_s - repaired_s >= quiet_s and is_quiet and len(recent) >= fewest


class Clock:
    """Seconds since the begin of a run."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def __call__(self) -> float:
        """Return them."""
        return time.monotonic() - self._began_s

    def sleep_until(self, at_s: float, over: threading.Event) -> None:
        """Wait until then, or until the run is over."""
        over.wait(max(0.0, at_s - self()))


@dataclass(frozen=True, slots=True)
class Share:
    """Answers while something was going on: how many, without a verdict, and how soon well."""

    kind: str
    times: int
    answers: int
    without: int
    worst_recovery_s: float


def calm_answers(answers: Iterable[Answer], windows: Iterable[Window]) -> list[Answer]:
    """Return the answers that no disturbance overlapped."""
    spans = [(one.began_s, one.ended_s) for one in windows]
    return [
        one for one in answers
        if not any(one.asked_s < end and one.answered_s > begin for begin, end in spans)
    ]  # fmt: skip


def shares(answers: Iterable[Answer], windows: Iterable[Window]) -> list[Share]:
    """Return what became of the answers during each kind of disturbance."""
    found: dict[str, list[Share]] = {}
    some = list(answers)
    for window in windows:
        during = [
            one for one in some
            if one.asked_s < window.ended_s and one.answered_s > window.began_s
        ]  # fmt: skip
        failed = [one for one in during if one.judgement is Judgement.NO_VERDICT]
        # What was still asked at its end may have failed by the next one.
        ends = [one.answered_s for one in failed if one.answered_s <= window.ended_s]
        last_s = max(ends, default=0.0)
        recovery_s = max(0.0, last_s - window.repaired_s)
        share = Share(window.kind, 1, len(during), len(failed), recovery_s)
        found.setdefault(window.kind, []).append(share)
    return [
        Share(
            kind, len(each), sum(one.answers for one in each), sum(one.without for one in each),
            max(one.worst_recovery_s for one in each),
        )
        for kind, each in found.items()
    ]  # fmt: skip


def quantiles(answers: Iterable[Answer], kind: str) -> tuple[int, float, float]:
    """Return how many answers of a kind there are, and p50 and p99 of their times in seconds."""
    times = [one.answered_s - one.asked_s for one in answers if one.kind == kind]
    if not times:
        return 0, 0.0, 0.0
    p50, p99 = np.quantile(times, (0.5, 0.99))
    return len(times), float(p50), float(p99)
