"""Verdicts that clients may expect of each file, at each time, and what an answer is worth."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CLEAR, MATCHED, UNSCREENED = "clear", "matched", "unscreened"


class Expected(StrEnum):
    """Whether a picture is listed while a client asks about it."""

    LISTED = "listed"
    UNLISTED = "unlisted"
    # The list changed while it was asked, or so short a time before that services may not know.
    EITHER = "either"


class Judgement(StrEnum):
    """Worth of one answer, beside what was expected."""

    RIGHT = "right"
    NO_VERDICT = "no_verdict"
    FALSE_CLEAR = "false_clear"
    FALSE_MATCH = "false_match"


@dataclass(slots=True)
class _Change:
    unsure_from_s: float
    unsure_until_s: float
    is_listed: bool


class Listing:
    """The pictures that are listed, and since when; a change counts `follow_s` after its sync."""

    def __init__(self, listed: Iterable[int], follow_s: float) -> None:
        self._listed = frozenset(listed)
        self._follow_s = follow_s
        self._changes: dict[int, list[_Change]] = {}
        self._lock = threading.Lock()

    def begin(self, at_s: float, added: Iterable[int], withdrawn: Iterable[int]) -> None:
        """Note a delivery that is about to be there: from now on it may be synced."""
        with self._lock:
            for pictures, is_listed in ((added, True), (withdrawn, False)):
                for one in pictures:
                    changes = self._changes.setdefault(one, [])
                    changes.append(_Change(at_s, math.inf, is_listed))

    def end(self, at_s: float) -> None:
        """Note that the delivery is synced."""
        with self._lock:
            for changes in self._changes.values():
                changes[-1].unsure_until_s = min(changes[-1].unsure_until_s, at_s + self._follow_s)

    def listed(self) -> frozenset[int]:
        """Return the pictures that are listed once all changes are synced."""
        with self._lock:
            added = {one for one, changes in self._changes.items() if changes[-1].is_listed}
            return self._listed - self._changes.keys() | added

    def expected(self, picture: int | None, asked_s: float, answered_s: float) -> Expected:
        """Return what a client may expect that asked about a picture, or about none."""
        with self._lock:
            is_listed = picture in self._listed
            for one in self._changes.get(picture, ()) if picture is not None else ():
                if one.unsure_until_s <= asked_s:
                    is_listed = one.is_listed
                elif one.unsure_from_s <= answered_s:
                    return Expected.EITHER
        return Expected.LISTED if is_listed else Expected.UNLISTED


def judge(expected: Expected, outcome: dict[str, Any], *, is_whole: bool = True) -> Judgement:
    """Return the worth of an outcome as the service answers it, or of another answer's body.

    A file that is not whole is never clear: what cannot be decoded has no verdict, and only its
    bytes may match. A listed picture that is only near its entry was missed.
    """
    matches = outcome.get("matches") or ()
    is_match = any(one["nearness"] == "match" for one in matches)
    match outcome.get("outcome"):
        case "matched" if is_match:
            is_false = expected is Expected.UNLISTED
            return Judgement.FALSE_MATCH if is_false else Judgement.RIGHT
        case "matched" | "clear":
            is_false = expected is Expected.LISTED or not is_whole
            return Judgement.FALSE_CLEAR if is_false else Judgement.RIGHT
        case "unscreened" if not is_whole and outcome.get("reason") not in _OF_THE_SERVICE:
            return Judgement.RIGHT
        case _:
            return Judgement.NO_VERDICT


# Reasons that say nothing about a file: clients ask again.
_OF_THE_SERVICE = {
    "decoder_crashed", "index_stale", "internal_error", "no_active_list", "overloaded", "starting",
    "store_unavailable", "timed_out", "out_of_memory", "lookup_limit", "licence_expired",
}  # fmt: skip
