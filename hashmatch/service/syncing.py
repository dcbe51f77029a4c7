"""Syncs begun by the service: each in a process of its own, as `hashmatch lists sync` does them.

To import a list takes processors and memory that requests should not have to wait for.
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

from .logs import logger

_log = logger("hashmatch.syncs")


class Syncing:
    """The syncs of this process: one of each list at a time."""

    def __init__(
        self, settings: Settings, database: Database, count: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._database = database
        self._count = count
        self._lock = threading.Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._is_closed = False

    def begin(self, name: str) -> None:
        """Begin to sync a list, and return at once.

        Raises `UnknownListError` where it has no source, `SyncLeaseError` while it is synced here.
        """
        if name not in self._settings.lists:
            raise UnknownListError(
                f"the configuration has no list {name} with a source",
                hint="sample_config.toml shows what [lists.NAME] can say.",
            )
        with self._lock:
            if name in self._processes or self._is_closed:
                raise SyncLeaseError(f"list {name} is being synced already")
            process = subprocess.Popen(  # noqa: S603 (our own program, and a list that is known)
                _command(self._settings, name), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
            )
            self._processes[name] = process
        threading.Thread(target=self._await, args=(name, process), daemon=True).start()

    def begin_due(self) -> None:
        """Begin to sync each list that nobody tried to for as long as the interval says.

        Raises `StoreError`.
        """
        with self._database.reading() as session:
            runs = read_newest_runs(session)
        newest = {name: own[0].started_at for name, own in runs.items() if own}
        before = utc_now() - timedelta(seconds=self._settings.service.sync_interval_s)
        for name in self._settings.lists:
            with self._lock:
                is_busy = name in self._processes
            if not is_busy and (name not in newest or newest[name] <= before):
                self.begin(name)

    def close(self) -> None:
        """End the syncs, which leave their lists as they were."""
        with self._lock:
            self._is_closed = True
            processes = list(self._processes.values())
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()

    def _await(self, name: str, process: subprocess.Popen[bytes]) -> None:
        told, _ = process.communicate()
        code = process.returncode
        with self._lock:
            self._processes.pop(name, None)
        self._count("good" if code == 0 else "bad")
        _log.info("sync ended", list=name, code=code, result=told.decode(errors="replace").strip())


def _command(settings: Settings, name: str) -> list[str]:
    config = [] if settings.source is None else ["--config", os.fspath(settings.source)]
    return [sys.executable, "-m", "hashmatch", *config, "lists", "sync", name, "--json"]
