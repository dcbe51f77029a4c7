"""Failures of the program itself: why an image is unscreened that something went wrong around."""

from __future__ import annotations

import logging
import traceback

from hashmatch.errors import IndexFolderError, IndexStaleError, StoreError
from hashmatch.outcome import Failure, Reason

_log = logging.getLogger("hashmatch.screening")


def failure_of(error: Exception) -> Failure:
    """Return what an error means for an image: it is unscreened, whatever the error is.

    One that was never expected is logged by its type and place: its text may quote anything.
    """
    if isinstance(error, StoreError):
        return Failure(Reason.STORE_UNAVAILABLE, error.message)
    if isinstance(error, (IndexStaleError, IndexFolderError)):
        return Failure(Reason.INDEX_STALE, error.message)
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "an unknown place"
    _log.error("an unexpected error: %s in %s", kind, place)
    return Failure(Reason.INTERNAL_ERROR, f"an error of hashmatch itself ({kind}); see its log")
