"""Screening of single images of a back-fill, again where what failed was not the image."""

from __future__ import annotations

import time
from collections.abc import Callable

from hashmatch.errors import BackfillError, InputError
from hashmatch.hashes import Level
from hashmatch.outcome import Clear, Failure, Outcome, Reason, Unscreened
from hashmatch.screening import Scanner

from .sources import Item

# Of the image, or of the process that decoded it, which may have been killed, or of a machine that
# was busy: the pauses before further attempts, the last of which decides.
_PAUSES_S = {
    Reason.DECODER_CRASHED: (0.5, 2.0, 6.0),
    Reason.OUT_OF_MEMORY: (0.5, 2.0, 6.0),
    Reason.TIMED_OUT: (1.0,),
}
# Of us, and none of the image's: waited for, and then the back-fill stops.
OURS = frozenset(
    {
        Reason.INDEX_STALE, Reason.STORE_UNAVAILABLE, Reason.OVERLOADED, Reason.STARTING,
        Reason.INTERNAL_ERROR,
    }
)  # fmt: skip
_OF_LISTS = frozenset({Reason.NO_ACTIVE_LIST, Reason.LICENCE_EXPIRED})
_PATIENCE_S, _FIRST_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 0.1, 5.0


class ItemScreener:
    """Screens the images of a back-fill. Safe to use from many threads."""

    def __init__(
        self,
        scanner: Scanner,
        level: Level | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._scanner = scanner
        self._level = level
        self._clock = clock
        self._pause = pause

    def screen(self, item: Item, data: bytes | Failure | None = None) -> Outcome:
        """Return the verdict on an image, which is loaded first where that is still to be done.

        Raises `BackfillError` where the lists or the store permit none.
        """
        data = item.load() if data is None else data
        if isinstance(data, Failure):
            return self._screen_once(item, data)
        deadline_s, pause_s, attempt = self._clock() + _PATIENCE_S, _FIRST_PAUSE_S, 0
        while True:
            outcome = self._screen_once(item, data)
            # One that matched by the hash of its bytes may match by its picture, too.
            reason = None if isinstance(outcome, Clear) else outcome.reason
            pauses = () if reason is None else _PAUSES_S.get(reason, ())
            if attempt < len(pauses):
                self._pause(pauses[attempt])
                attempt += 1
            elif not isinstance(outcome, Unscreened) or reason not in _OF_LISTS | OURS:
                return outcome
            elif reason in _OF_LISTS or self._clock() > deadline_s:
                raise _stopped(outcome)
            else:
                self._pause(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _screen_once(self, item: Item, data: bytes | Failure) -> Outcome:
        names = {"content_id": item.content_id, "reference": item.reference}
        try:
            if isinstance(data, Failure):
                return self._scanner.refuse(data, **names)
            return self._scanner.scan(data, **names, level=self._level)
        except InputError as error:
            raise BackfillError(
                f"{item.reference!a}: {error.message}",
                hint="Name it in a manifest, with a content id that can be stored.",
            ) from error


def _stopped(outcome: Unscreened) -> BackfillError:
    return BackfillError(
        f"no image can be screened now: {outcome.detail}",
        hint="Start the back-fill again when that is mended: it goes on where it was.",
    )
