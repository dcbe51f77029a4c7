"""Background tasks of the service: sending, publishing, noting token uses, syncing lists."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hashmatch.cases import queue_preservations
from hashmatch.errors import ConfigError, HashmatchError
from hashmatch.outbox import send_due
from hashmatch.sharing import publish_changes, send_to_exchange
from hashmatch.wiring import senders

from ..telemetry.logs import logger
from .state import ServiceState

# Seconds between two runs.
_OUTBOX_S, _TOKEN_USES_S, _SYNCS_S = 1.0, 30.0, 10.0
_EXCHANGES_S = 2.0
# A turn of sending to an exchange takes about so long: the service ends between two of them.
_MAX_TURN_S = 5.0
# The service does not wait longer for a run when it ends; the threads are daemons.
_MAX_CLOSE_S = 15
_log = logger("hashmatch.background")


class PeriodicTask:
    """A thread that runs a task at intervals. A failure is logged, and the task runs again."""

    def __init__(self, name: str, every_s: float, work: Callable[[], object]) -> None:
        self._name = name
        self._every_s = every_s
        self._work = work
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"hashmatch-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after the present run of the task, and wait for that, but not for ever."""
        self._is_closed.set()
        self._thread.join(_MAX_CLOSE_S)

    def _run(self) -> None:
        while not self._is_closed.wait(self._every_s):
            try:
                self._work()
            except HashmatchError as error:
                _log.warning("task failed, will be retried", task=self._name, problem=error.message)
            except Exception:  # noqa: BLE001 (one failure must not end the task for ever)
                _log.exception("task failed, will be retried", task=self._name)


def start_tasks(service: ServiceState) -> list[PeriodicTask]:
    """Start all background tasks; the caller closes them."""
    settings, database = service.settings, service.database

    def send() -> None:
        queue_preservations(database, settings)
        sent = send_due(database, senders(settings, database))
        for result, number in sent.counts.items():
            service.metrics.count_sent(result, number)
        for target, error in sent.blocked.items():
            _log.warning("messages cannot be sent", target=target, problem=error.message)

    def publish() -> None:
        for one in publish_changes(database, settings):
            if one.name not in refused:
                _log.warning("list is not shared", list=one.name, problem=one.reason.message)
                refused.add(one.name)

    refused: set[str] = set()
    tasks = [
        PeriodicTask("outbox", _OUTBOX_S, send),
        # Of several processes one answers a scrape. It knows the gauges of the others only from the
        # shared files, so that each has to write its own without being asked.
        PeriodicTask("gauges", _OUTBOX_S, service.note_gauges),
        PeriodicTask("token-uses", _TOKEN_USES_S, service.authenticator.note_uses),
    ]
    if settings.sharing.enabled:
        tasks.append(PeriodicTask("publication", _OUTBOX_S, publish))
        for name in settings.sharing.exchanges:
            work = _Exchange(service, name).send
            tasks.append(PeriodicTask(f"exchange-{name}", _EXCHANGES_S, work))
    if interval_s := settings.service.sync_interval_s:
        # More often than the interval, so that syncs start soon after they are due.
        every_s = min(_SYNCS_S, interval_s)
        tasks.append(PeriodicTask("syncs", every_s, service.sync_runner.start_due))
    return tasks


class _Exchange:
    """Turns of sending to one exchange. A problem is logged once, and not in each turn."""

    def __init__(self, service: ServiceState, name: str) -> None:
        self._service = service
        self._name = name
        self._problem = ""

    def send(self) -> None:
        """Send what is due."""
        service = self._service
        try:
            sent = send_to_exchange(
                service.database, service.settings, self._name, limit_s=_MAX_TURN_S
            )
        except ConfigError as error:
            self._note(error.message)
            return
        for result, number in sent.counts.items():
            service.metrics.count_exchanged(self._name, result, number)
        problems = (sent.problem, *(one.reason.message for one in sent.refused_lists))
        self._note("; ".join(one for one in problems if one))

    def _note(self, problem: str) -> None:
        if problem and problem != self._problem:
            _log.warning("entries cannot be sent", exchange=self._name, problem=problem)
        elif self._problem and not problem:
            _log.info("entries can be sent again", exchange=self._name)
        self._problem = problem
