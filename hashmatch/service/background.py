"""What the service does beside answering: send the outbox, note uses of tokens, sync lists."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hashmatch.errors import HashmatchError
from hashmatch.outbox import send_due
from hashmatch.wiring import senders

from .logs import logger
from .running import Running

_OUTBOX_S, _TOKEN_USES_S, _SYNCS_S = 1.0, 30.0, 10.0
_SECONDS_TO_END = 15

_log = logger("hashmatch.background")


class Repeating:
    """A thread that does something again and again; what fails is logged, and done again."""

    def __init__(self, name: str, every_s: float, work: Callable[[], object]) -> None:
        self._name = name
        self._every_s = every_s
        self._work = work
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"hashmatch-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it when it is done with what it does."""
        self._is_closed.set()
        self._thread.join(_SECONDS_TO_END)

    def _run(self) -> None:
        while not self._is_closed.wait(self._every_s):
            try:
                self._work()
            except HashmatchError as error:
                _log.warning("put off", work=self._name, problem=error.message)
            except Exception:  # noqa: BLE001 (the next time it may do)
                _log.exception("put off", work=self._name)


def begin(running: Running) -> list[Repeating]:
    """Begin all that goes on beside the answers."""
    settings, database = running.settings, running.database

    def send() -> None:
        sent = send_due(database, senders(settings, database))
        for result, number in sent.counts.items():
            running.metrics.count_sent(result, number)
        for target, error in sent.hindered.items():
            _log.warning("nothing can be sent", target=target, problem=error.message)

    repeating = [
        Repeating("outbox", _OUTBOX_S, send),
        # For the process of several that is asked, which knows of the others only this.
        Repeating("gauges", _OUTBOX_S, running.note_gauges),
        Repeating("token-uses", _TOKEN_USES_S, running.authenticator.note_uses),
    ]
    if interval_s := settings.service.sync_interval_s:
        every_s = min(_SYNCS_S, interval_s)
        repeating.append(Repeating("syncs", every_s, running.syncing.begin_due))
    return repeating
