"""How long a person waits before anything happens."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measuring import Table, median_seconds

_RUNS = 15


def measure() -> list[Table]:
    """Time whole processes that do next to nothing."""
    bare = _time("-c", "pass")
    commands = {
        "`python -c pass` (the comparison)": bare,
        "`hashmatch --help`": _time("-m", "hashmatch", "--help"),
        "`hashmatch lists --help`": _time("-m", "hashmatch", "lists", "--help"),
        "`hashmatch scan --help`": _time("-m", "hashmatch", "scan", "--help"),
    }
    rows = [
        (name, f"{time * 1000:.0f} ms", f"{time / bare:.1f}×") for name, time in commands.items()
    ]
    what = f"Whole processes, medians of {_RUNS} runs. To reach: `--help` under 300 ms."
    return [Table("Starting up", what, ("command", "time", "ratio"), rows)]


def _time(*arguments: str) -> float:
    command = [sys.executable, *arguments]

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    run()
    return median_seconds(run, _RUNS)
