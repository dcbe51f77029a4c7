"""Scanning with a pool of locked-down processes, against the same scan within the process."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.measuring import Table
from benchmarks.photographs import encoded, photograph
from hashmatch.config import Settings
from hashmatch.lists import find_format, import_list
from hashmatch.screening.scanner import Scanner
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.wiring import open_scanner_with

_RUNS = 150
_GRAIN = 8.0  # in brightness of 255, as a photograph taken indoors has it
_QUALITY = 95
# Side lengths in pixels that give files of about a tenth of, one and four megabytes.
_SIZES = ((640, 360), (1920, 1220), (4000, 2400))


def measure() -> list[Table]:
    """Scan the same photograph in turns either way."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        ways = [
            opened.enter_context(_scanner(folder / isolation, isolation))
            for isolation in ("none", "process")
        ]
        rows = [_measure_one(ways, width, height) for width, height in _SIZES]
    what = (
        "JPEGs of drawn pictures with grain against a list of PDQ and SHA-256 values, scanned from"
        f" memory to a verdict: decoded, hashed, looked up. Medians of {_RUNS} scans, the two ways"
        " in turns. To reach: the pool takes at most 2 ms more for a file of 1 MB."
    )
    columns = ("file", "in-process", "pool", "more", "ratio")
    return [Table("Decoding in a pool", what, columns, rows)]


def _measure_one(ways: list[Scanner], width: int, height: int) -> tuple[str, ...]:
    picture = photograph(1, width, height, grain=_GRAIN, colours=3)
    data = encoded(picture, "JPEG", quality=_QUALITY)
    times: list[list[float]] = [[], []]
    for _ in range(_RUNS):
        for scanner, taken in zip(ways, times, strict=True):
            begun = time.perf_counter()
            scanner.scan(data, content_id="photograph")
            taken.append((time.perf_counter() - begun) * 1000)
    inside, pool = (statistics.median(taken) for taken in times)
    file = f"{len(data) / 1e6:.2f} MB, {width} × {height}"
    more, ratio = f"{pool - inside:+.2f} ms", f"{pool / inside:.2f}×"
    return file, f"{inside:.1f} ms", f"{pool:.1f} ms", more, ratio


def _scanner(folder: Path, isolation: str) -> Scanner:
    settings = Settings.model_validate({"data_dir": folder, "intake": {"isolation": isolation}})
    # A degenerate value would be withdrawn, and pictures would be hashed by no PDQ at all.
    value = bytes(range(7, 39)).hex()
    values = f"algorithm,value\npdq,{value}\nsha256,{value}\n"
    with closing(Database(settings.database_url)) as database:
        upgrade(database)
        stream = io.BytesIO(values.encode())
        import_list(database, "list", stream, find_format("list.csv"), source="benchmark")
    return open_scanner_with(settings)
