"""Whether some of a file's hashes, looked up later, match every list that the file does."""

from __future__ import annotations

from datetime import datetime

from hashmatch.imaging import Reading
from hashmatch.index import Snapshot
from hashmatch.outcome import Nearness
from hashmatch.policy import Policy

from .judging import EntryGoneError, Found
from .matching import find_matches
from .recording import Recorder
from .request import Request, content_facts


def suffices(
    recorder: Recorder,
    policy: Policy,
    snapshot: Snapshot,
    request: Request,
    readings: tuple[Reading, Reading],
    now: datetime,
) -> bool:
    """Say whether the hashes of the second reading match every list that the first one's do.

    Where they are only near a list that the first matches, they do not.
    """
    hashes = [one.hashes for one in readings]
    findings = find_matches(snapshot, policy, hashes, now.date())
    if not findings[0]:
        return True
    found = [
        Found(content_facts(request, one), some)
        for one, some in zip(readings, findings, strict=True)
    ]
    try:
        every, own = recorder.matched_lists(snapshot, found, now)
    except EntryGoneError:  # A scan is to decide.
        return False
    return all(own.get(key) in (Nearness.MATCH, kind) for key, kind in every.items())
