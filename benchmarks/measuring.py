"""Timing and tables for all benchmarks."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


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


def run_process(folder: Path, *command: str) -> tuple[float, float]:
    """Run a process; returns its seconds and the most megabytes of memory that it had."""
    usage: Any = None

    def run() -> None:
        nonlocal usage
        environment = {
            **os.environ,
            "HASHMATCH_CONFIG": str(folder / "hashmatch.toml"),
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)

    time_s = seconds(run)
    return time_s, usage.ru_maxrss / 1e3


def machine() -> str:
    """Return what the figures were measured on, in one line."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pillow", "sqlalchemy"))
    return (
        f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, {libraries}"
    )
