"""Verdicts: the outcome that follows from what was read, recorded and missing."""

from __future__ import annotations

from hashmatch.imaging import Reading
from hashmatch.outcome import Action, Clear, Failure, Matched, Outcome, Unscreened, strongest
from hashmatch.policy import Policy

from .recording import NOTHING_RECORDED, Recorded
from .request import Request

NOTHING_READ = Reading(None, ())


def conclude(
    policy: Policy,
    request: Request,
    reading: Reading,
    recorded: Recorded,
    failure: Failure | None,
) -> Outcome:
    """Return the verdict on one image; `failure` is the reason why it cannot be clear."""
    if recorded.matches:
        return Matched(
            content_id=request.content_id,
            action=_action(policy, reading, recorded, failure),
            matches=tuple(one.match for one in recorded.matches),
            media=reading.media,
            hashes=reading.hashes,
            elapsed_ms=request.elapsed_ms(),
            reason=None if failure is None else failure.reason,
            allowed=recorded.allowed,
            provenance=reading.provenance,
        )
    if failure is not None:
        return unscreened(policy, request, failure, reading, recorded)
    return Clear(
        content_id=request.content_id,
        media=reading.media,
        hashes=reading.hashes,
        elapsed_ms=request.elapsed_ms(),
        allowed=recorded.allowed,
        provenance=reading.provenance,
        action=policy.declared_action(reading.provenance),
    )


def _action(
    policy: Policy, reading: Reading, recorded: Recorded, failure: Failure | None
) -> Action:
    """Return the strongest action: of the matches, the declaration, and of an image unscreened.

    Otherwise a near match, or one that is to be let pass, would help an image past what could not
    be checked.
    """
    without = () if failure is None else (policy.unscreened_action,)
    declared = policy.declared_action(reading.provenance)
    return strongest((*(one.action for one in recorded.matches), declared, *without))


def unscreened(
    policy: Policy,
    request: Request,
    failure: Failure,
    reading: Reading = NOTHING_READ,
    recorded: Recorded = NOTHING_RECORDED,
) -> Unscreened:
    """Return an outcome without a verdict, with as much as is known of the image."""
    return Unscreened(
        content_id=request.content_id,
        action=strongest((policy.unscreened_action, policy.declared_action(reading.provenance))),
        reason=failure.reason,
        detail=failure.detail,
        media=reading.media,
        hashes=reading.hashes,
        elapsed_ms=request.elapsed_ms(),
        allowed=recorded.allowed,
        provenance=reading.provenance,
    )
