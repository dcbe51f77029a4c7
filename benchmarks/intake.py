"""Scanning with a pool of locked-down processes, and decoding without Pillow's decoders."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.measuring import Table
from benchmarks.photographs import encoded, photograph
from hashmatch.config import Settings
from hashmatch.hashes import Decode
from hashmatch.imaging import Hashing, InProcessIntake
from hashmatch.imaging.pool.memory import keep_freed_memory
from hashmatch.lists import find_format, import_list
from hashmatch.screening.scanner import Scanner
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.wiring import limits, open_scanner_with

_RUNS = 150
_GRAIN = 8.0  # in brightness of 255, as a photograph taken indoors has it
_QUALITY = 95
# Side lengths in pixels that give files of about a tenth of, one and four megabytes.
_SIZES = ((640, 360), (1920, 1220), (4000, 2400))
# Files of 12 megapixels: a name, a format, grain and options. Smooth pictures have other filters.
_LARGE_SIZE, _DECODES = (4000, 3000), 9
_LARGE: tuple[tuple[str, str, float, dict[str, Any]], ...] = (
    ("WebP", "WEBP", 4.0, {"quality": 85}),
    ("WebP, lossless", "WEBP", 4.0, {"lossless": True, "method": 0}),
    ("PNG", "PNG", 4.0, {}),
    ("PNG, smooth", "PNG", 0.0, {}),
)


def measure() -> list[Table]:
    """Scan the same photograph in turns either way, and decode large ones by turns."""
    return [_pool(), _large_files()]


def _pool() -> Table:
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
    return Table("Decoding in a pool", what, columns, rows)


def _large_files() -> Table:
    chosen = limits(Settings())
    scaled = InProcessIntake(chosen, Hashing(Decode.SCALED))
    full = InProcessIntake(chosen, Hashing(Decode.FULL))
    rows = []
    for name, image_format, grain, options in _LARGE:
        picture = photograph(1, *_LARGE_SIZE, grain=grain, colours=1)
        data = encoded(picture, image_format, **options)
        bare, ours, all_pixels = _processor_ms(
            partial(_decode_with_pillow, data),
            partial(scaled.read, data, {"pdq"}),
            partial(full.read, data, {"pdq"}),
        )
        rows.append(
            (f"{name}, {len(data) / 1e6:.1f} MB", f"{bare:.0f} ms", f"{ours:.0f} ms",
             f"{ours / bare:.2f}×", f"{all_pixels:.0f} ms", f"{all_pixels / bare:.2f}×")
        )  # fmt: skip
    what = (
        "Processor time from the bytes of a file of 4000 × 3000 to its PDQ hash in-process, with"
        " freed memory kept as in the pool's processes, against Pillow's bare decode of it. Medians"
        f" of {_DECODES} in turns. To reach: less than the bare decode."
    )
    columns = ("file", "Pillow's decode", "hashmatch", "ratio", "every pixel", "ratio of it")
    return Table("WebP and PNG of 12 megapixels", what, columns, rows)


def _decode_with_pillow(data: bytes) -> None:
    Image.open(io.BytesIO(data)).load()


def _processor_ms(*ways: Callable[[], object]) -> list[float]:
    """Return the median processor time of each way, in turns."""
    keep_freed_memory()
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(1 + _DECODES):
        for way, taken in zip(ways, times, strict=True):
            begun = time.process_time()
            way()
            if turn:  # The first loads what is left to load.
                taken.append((time.process_time() - begun) * 1000)
    return [statistics.median(taken) for taken in times]


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
