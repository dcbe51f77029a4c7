"""Decisions of a gate: for each picture the verdict, and whether it may be shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from hashmatch.outcome import Action, Clear, Matched, Nearness, Outcome, Reason, Unscreened


class Verdict(StrEnum):
    """Verdict of a gate on one picture."""

    CLEAR = "clear"  # every enabled check ran and found nothing
    NEAR = "near"  # not within the threshold of any list, but near enough for people to look
    MATCHED = "matched"  # within the threshold of a list
    PLAIN = "plain"  # all pixels are equal: there is nothing to compare, and nothing to see
    UNSCREENED = "unscreened"  # without a verdict of the scanner, whatever the reason


class Role(StrEnum):
    """Side of a generator on which a picture is."""

    INPUT = "input"  # a picture to begin with, or a reference
    MASK = "mask"  # which parts of a picture to change
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Context:
    """Where pictures come from, for the record.

    `content_id` is the platform's own name for them; without one each gets a name that was never
    used before. `budget_s` is the time for the verdicts of all of them, instead of the gate's own.
    """

    adapter: str = "python"
    role: Role = Role.OUTPUT
    content_id: str = ""
    reference: str = ""
    budget_s: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision on one picture.

    `outcome` is that of the scanner, which names lists and distances and is for the operator alone;
    None for a picture that was not scanned, or not in time. `detail` says in words why a picture is
    unscreened.
    """

    content_id: str
    verdict: Verdict
    is_shown: bool
    outcome: Outcome | None = None
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """Result of one check: a decision a picture, in their order, and what may be shown.

    `pictures` is of the kind that was given, with a neutral picture in place of each that may not
    be shown; it is the same object where all may be.
    """

    decisions: tuple[Decision, ...]
    pictures: Any

    @property
    def are_all_shown(self) -> bool:
        """Return whether every picture may be shown."""
        return all(one.is_shown for one in self.decisions)


def decide(outcome: Outcome, role: Role, *, shows_review: bool) -> Decision:
    """Return the decision that follows from a scanner's outcome.

    What is only near a listed picture is shown, as it blocks nothing anywhere; a match is shown if
    its action is to allow it, or to review it where the operator says so. A mask may show too
    little to be compared, as nearly all do.
    """
    match outcome:
        case Clear():
            return Decision(outcome.content_id, Verdict.CLEAR, is_shown=True, outcome=outcome)
        case Matched():
            is_near = all(one.nearness is Nearness.NEAR for one in outcome.matches)
            allowed = {Action.ALLOW, Action.REVIEW} if is_near or shows_review else {Action.ALLOW}
            return Decision(
                outcome.content_id,
                Verdict.NEAR if is_near else Verdict.MATCHED,
                # What could not be checked in full has no verdict on the rest.
                is_shown=outcome.reason is None and outcome.action in allowed,
                outcome=outcome,
                reason=outcome.reason,
            )
        case Unscreened():
            decision = unscreened(outcome.content_id, outcome.reason, outcome.detail, outcome)
            is_mask = role is Role.MASK and outcome.reason is Reason.LOW_QUALITY
            return replace(decision, is_shown=is_mask)


def unscreened(
    content_id: str, reason: Reason, detail: str, outcome: Outcome | None = None
) -> Decision:
    """Return the decision on a picture without a verdict, which is never shown."""
    return Decision(
        content_id, Verdict.UNSCREENED, is_shown=False, outcome=outcome, reason=reason,
        detail=detail,
    )  # fmt: skip
