"""Timing and tables for all benchmarks."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

_LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class Table:
    """One table of results, with a sentence on what was measured."""

    title: str
    what: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_markdown(self) -> str:
        """Return the table with its title and sentence."""
        lines = [
            f"## {self.title}",
            "",
            self.what,
            "",
            f"| {' | '.join(self.columns)} |",
            f"|{' --- |' * len(self.columns)}",
            *(f"| {' | '.join(row)} |" for row in self.rows),
        ]
        return "\n".join(lines) + "\n"


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def duration(time_s: float | None) -> str:
    """Return a time in the unit that suits it; nothing for None."""
    if time_s is None:
        return ""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if time_s * factor >= 1:
            return f"{time_s * factor:.1f} {unit}"
    return f"{time_s * 1e6:.0f} µs"


def median_seconds(work: Callable[[], object], runs: int) -> float:
    """Return the median over some runs, in seconds."""
    return statistics.median(seconds(work) for _ in range(runs))


class Run(NamedTuple):
    """Seconds that a process took, and the most megabytes that it had in memory.

    `own_megabytes` are those that are not of files, which the system could take back at any time.
    """

    time_s: float
    megabytes: float
    own_megabytes: float


def run_process(folder: Path, *command: str) -> Run:
    """Run a process to its end. Raises `CalledProcessError`."""
    usage: Any = None
    own = [0.0]

    def run() -> None:
        nonlocal usage
        environment = {
            **os.environ,
            "HASHMATCH_CONFIG": str(folder / "hashmatch.toml"),
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        threading.Thread(target=_watch, args=(process.pid, own)).start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)

    time_s = seconds(run)
    return Run(time_s, usage.ru_maxrss / 1e3, max(own))


def _watch(pid: int, found: list[float]) -> None:
    """Note the own memory of a process until it ends."""
    status = Path(f"/proc/{pid}/status")
    with suppress(OSError):
        while own := re.search(r"^RssAnon:\s+(\d+)", status.read_text(), re.MULTILINE):
            found.append(int(own[1]) / 1e3)
            time.sleep(_LOOK_EVERY_S)


def machine() -> str:
    """Return what the figures were measured on, in one line."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pillow", "sqlalchemy"))
    return (
        f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, {libraries}"
    )
