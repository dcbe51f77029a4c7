"""Syncs that the service starts, each as a `hashmatch lists sync` in a process of its own.

An import needs processor time and memory, for which requests should not have to wait.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

from hashmatch.config import Settings
from hashmatch.errors import SyncLeaseError, UnknownListError
from hashmatch.store.engine import Database
from hashmatch.store.lists import read_newest_runs
from hashmatch.store.schema import utc_now

from ..telemetry.logs import logger

_log = logger("hashmatch.syncs")


class SyncRunner:
    """Runner of syncs for this process of the service, one of each list at a time."""

    def __init__(
        self, settings: Settings, database: Database, count: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._database = database
        self._count = count
        self._lock = threading.Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._is_closed = False

    def start(self, name: str) -> None:
        """Start a sync of a list, and return at once.

        Raises `UnknownListError` where it has no source, and `SyncLeaseError` while a sync of it
        runs here.
        """
        if name not in self._settings.lists:
            raise UnknownListError(
                f"the configuration has no list {name} with a source",
                hint="'hashmatch config sample' shows the keys of [lists.NAME].",
            )
        # Other processes may sync the list as well: the lease in the store decides between them.
        with self._lock:
            if name in self._processes or self._is_closed:
                raise SyncLeaseError(f"list {name} is already being synced")
            process = subprocess.Popen(  # noqa: S603 (our own program and a configured list)
                _command(self._settings, name), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
            )
            self._processes[name] = process
        threading.Thread(target=self._await, args=(name, process), daemon=True).start()

    def start_due(self) -> None:
        """Start a sync of each list that was last attempted at least the interval ago.

        Attempts of other processes and of timers count as well. Raises `StoreError`.
        """
        with self._database.reading() as session:
            runs = read_newest_runs(session)
        newest = {name: own[0].started_at for name, own in runs.items() if own}
        before = utc_now() - timedelta(seconds=self._settings.service.sync_interval_s)
        for name in self._settings.lists:
            with self._lock:
                is_busy = name in self._processes
            if not is_busy and (name not in newest or newest[name] <= before):
                self.start(name)

    def close(self) -> None:
        """End the running syncs; their lists stay at the last complete delivery."""
        with self._lock:
            self._is_closed = True
            processes = list(self._processes.values())
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()

    def _await(self, name: str, process: subprocess.Popen[bytes]) -> None:
        output, _ = process.communicate()
        code = process.returncode
        with self._lock:
            self._processes.pop(name, None)
        self._count("good" if code == 0 else "bad")
        result = output.decode(errors="replace").strip()
        _log.info("sync ended", list=name, code=code, result=result)


def _command(settings: Settings, name: str) -> list[str]:
    # The same interpreter, and so the same installation, with the same configuration.
    config = [] if settings.source is None else ["--config", os.fspath(settings.source)]
    return [sys.executable, "-m", "hashmatch", *config, "lists", "sync", name, "--json"]
