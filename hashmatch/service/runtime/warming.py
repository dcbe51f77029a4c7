"""Warming up: what the first scans would wait for is loaded and run before the service is ready."""

from __future__ import annotations

import gc
import io
import threading

from hashmatch.outcome import Failure, Reason
from hashmatch.screening import Scanner
from hashmatch.synthetic import draw_picture

from ..telemetry.logs import logger

_SIDE_PIXELS = 256
_RETRY_S = 1.0
# On a new installation the loops are compiled, which cannot be interrupted.
_MAX_CLOSE_S = 60
_log = logger("hashmatch.warming")


class Warming:
    """A thread that warms a scanner up, again after a failure, while the service answers already.

    `failure` is why the service is not ready, None once a scan takes as long as any later one.
    """

    def __init__(self, scanner: Scanner) -> None:
        self.failure: Failure | None = Failure(Reason.STARTING, "the service is still warming up")
        self._scanner = scanner
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hashmatch-warming", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, and take back what it did to the collection of garbage."""
        self._is_closed.set()
        self._thread.join(_MAX_CLOSE_S)
        gc.unfreeze()

    def _run(self) -> None:
        picture = _picture()
        while failure := self._scanner.warm_up(picture):
            if failure != self.failure:
                _log.warning("not warm yet, will be retried", problem=failure.detail)
            self.failure = failure
            if self._is_closed.wait(_RETRY_S):
                return
        # The objects that exist now live as long as the process; each full collection of them took
        # 0.1 s.
        gc.collect()
        gc.freeze()
        self.failure = None


def _picture() -> bytes:
    stream = io.BytesIO()
    draw_picture(1, _SIDE_PIXELS, _SIDE_PIXELS).save(stream, "JPEG")
    return stream.getvalue()
