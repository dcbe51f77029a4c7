"""A back-fill on all cores, beside scanners of one core each and python-threatexchange."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.hashes import realistic
from benchmarks.measuring import Table
from benchmarks.photographs import encoded, photograph

_FILES, _PICTURES = 2_000, 40
_WIDTH, _HEIGHT, _QUALITY = 1920, 1280, 94
_ENTRIES = 100_000
_SEED = 200_000
_CORES = 2
_ROUNDS = 2

# Hashes each file with python-threatexchange and looks it up in an index of the same list.
_THREATEXCHANGE = """
import sys
from pathlib import Path
from threatexchange.signal_type.pdq.pdq_index import PDQIndex
from threatexchange.signal_type.pdq.signal import PdqSignal

lines = Path(sys.argv[1]).read_text().splitlines()[1:]
index = PDQIndex.build([(line.split(",")[1], n) for n, line in enumerate(lines)])
for path in sorted(Path(sys.argv[2]).iterdir()):
    index.query(PdqSignal.hash_from_bytes(path.read_bytes()))
"""


def measure() -> list[Table]:
    """Measure whole commands in turns, the best of each, and how the same files went otherwise."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _make(folder)
        run = _Runs(folder)
        halves = [str(folder / f"half-{n}") for n in range(_CORES)]
        on_ray = ["--engine", "ray", "--restart"]
        ways: dict[str, Callable[[Sequence[str]], float]] = {
            "two scanners of a core each": lambda some: run.apart(
                [["scan", "--recursive", one, "--workers", "1"] for one in some]
            ),
            "hashmatch backfill": lambda some: run.together(["backfill", *some, "--restart"]),
            "hashmatch backfill --engine ray": lambda some: run.together(
                ["backfill", *some, *on_ray]
            ),
        }
        took_s = {one: min(way(halves) for _ in range(_ROUNDS)) for one, way in ways.items()}
        few = [str(folder / f"few-{n}") for n in range(_CORES)]
        start_s = {one: min(way(few) for _ in range(_ROUNDS)) for one, way in ways.items()}
        took_s["two processes of python-threatexchange"] = run.peers(halves)
    scanners_s = _work_s("two scanners of a core each", took_s, start_s)
    rows = []
    for one, seconds in took_s.items():
        work_s = _work_s(one, took_s, start_s)
        rows.append(
            (
                one, f"{seconds:.1f} s", f"{start_s.get(one, 0):.1f} s", f"{_FILES / work_s:,.0f}",
                f"{scanners_s / work_s:.0%}",
            )
        )  # fmt: skip
    what = (
        f"{_FILES:,} JPEG files of {size / 1e6:.1f} MB, {_WIDTH} × {_HEIGHT} with grain, beside a"
        f" list of {_ENTRIES:,} PDQ hashes, on {_CORES} cores; the better of {_ROUNDS} runs. The"
        " start is what two files take, and is not in the last columns. To reach: 90 % of two"
        " scanners of one core each, and with Ray 85 % of the local engine."
    )
    columns = "", "time", "start", "files/s", "to two scanners"
    return [Table("A back-fill", what, columns, rows)]


def _work_s(name: str, took_s: Mapping[str, float], start_s: Mapping[str, float]) -> float:
    return took_s[name] - start_s.get(name, 0.0)


class _Runs:
    """Commands over one configuration, each to its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashmatch("init", "--data-dir", "data")
        self._hashmatch("lists", "import", "list", "list.csv")

    def _hashmatch(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "hashmatch", *arguments]
        # Some made-up hashes are refused, which an import ends with 2 for.
        subprocess.run(command, cwd=self._folder, check=False, capture_output=True)

    def together(self, arguments: Sequence[str]) -> float:
        """Return the seconds that one command takes on all cores."""
        return self._timed([([sys.executable, "-m", "hashmatch", *arguments], None)])

    def apart(self, commands: Sequence[Sequence[str]]) -> float:
        """Return the seconds that several take at once, each on a core of its own."""
        return self._timed(
            [([sys.executable, "-m", "hashmatch", *one], n) for n, one in enumerate(commands)]
        )

    def peers(self, halves: Sequence[str]) -> float:
        """Return the seconds that python-threatexchange takes, each half on a core of its own."""
        given = [sys.executable, "-c", _THREATEXCHANGE, "list.csv"]
        return self._timed([([*given, half], n) for n, half in enumerate(halves)])

    def _timed(self, commands: Sequence[tuple[Sequence[str], int | None]]) -> float:
        begun_s = time.perf_counter()
        running = []
        for command, core in commands:
            process = subprocess.Popen(
                command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            if core is not None:
                os.sched_setaffinity(process.pid, {sorted(os.sched_getaffinity(0))[core]})
            running.append(process)
        codes = [one.wait() for one in running]
        assert codes == [0] * len(codes), codes
        return time.perf_counter() - begun_s


def _make(folder: Path) -> float:
    """Write the list and the files, half of them in each folder; return their mean size."""
    with (folder / "list.csv").open("w") as stream:
        stream.write("algorithm,value\n")
        stream.writelines(f"pdq,{one.tobytes().hex()}\n" for one in realistic(_ENTRIES, seed=1))
    size = 0
    for number in range(_PICTURES):
        picture = photograph(_SEED + number, _WIDTH, _HEIGHT, grain=9.0, colours=3)
        data = encoded(picture, "JPEG", quality=_QUALITY)
        size += len(data)
        for copy in range(_FILES // _PICTURES):
            half = folder / f"half-{copy % _CORES}"
            half.mkdir(exist_ok=True)
            # Another file each time: what follows the end of a JPEG shows nothing.
            (half / f"{number:03}-{copy:03}.jpg").write_bytes(data + b"%d" % copy)
    for number in range(_CORES):
        (folder / f"few-{number}").mkdir()
        (folder / f"few-{number}" / "one.jpg").write_bytes(data)
    os.sync()  # Else the first of the commands would share the disk with what was just written.
    return size / _PICTURES
