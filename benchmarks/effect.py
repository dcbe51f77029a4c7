"""Recall, false matches and cost by level of search, over pictures that somebody gives."""

from __future__ import annotations

import io
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from benchmarks.measuring import Table, duration
from hashmatch.config import Settings
from hashmatch.evaluate import (
    FalseMatchPlan,
    Platform,
    RecallFigures,
    RecallPlan,
    false_match_document,
    figures_of,
    find_pictures,
    measure_false_matches,
    measure_recall,
    open_results,
    recall_by_group,
)
from hashmatch.hashes import Level
from hashmatch.imaging import InProcessIntake
from hashmatch.wiring import hashing, limits, open_policy

_RECALL = "Recall of altered copies"
_COST = "Cost of the levels"
# Folders that the environment names, with the titles of their tables.
_FALSE_MATCHES = {
    "PHOTOGRAPHS": "False matches of photographs",
    "DRAWINGS": "False matches of drawings and documents",
}
TITLES = (_RECALL, *_FALSE_MATCHES.values(), _COST)
# As many as the figures of the design were measured with; more say little more. A photograph takes
# about 10 s of one core.
_PHOTOGRAPHS_FOR_RECALL = 139
_SEED = 1
_LEVELS = tuple(Level)
_PLATFORM = Platform(entries=1_000_000, images_a_day=1_000_000)
_SIZE, _PHOTOGRAPHS_FOR_COST, _RUNS = (1920, 1080), 25, 3
# More than plain, in seconds.
_COSTS_TO_KEEP = {Level.STANDARD: 0.006, Level.THOROUGH: 0.030}


def _folder(name: str) -> Path | None:
    """Return a folder that the environment names; None without one."""
    folder = os.environ.get(name)
    return Path(folder) if folder else None


def measure() -> list[Table]:
    """Measure what the folders are there for; nothing without photographs."""
    folder = _folder("PHOTOGRAPHS")
    if folder is None:
        return []
    tables = [_cost(folder), _recall(folder)]
    for name, title in _FALSE_MATCHES.items():
        if (given := _folder(name)) is not None:
            tables.append(_false_matches(given, title))
    return tables


def _recall(folder: Path) -> Table:
    settings = Settings()
    plan = RecallPlan(
        folder, _spread(folder, _PHOTOGRAPHS_FOR_RECALL), _LEVELS, ("pdq",), _SEED,
        limits(settings), hashing(settings), open_policy(settings),
    )  # fmt: skip
    with open_results(None, plan.header()) as results:
        measure_recall(plan, results, workers=os.cpu_count() or 1, advance=lambda: None)
    table = recall_by_group(RecallFigures(plan.header(), results.records))
    return Table(_RECALL, table.note, table.columns, _texts(table.rows))


def _spread(folder: Path, number: int) -> tuple[str, ...]:
    """Return so many from the whole folder, since pictures of one source stand together in it."""
    names = find_pictures(folder)
    return tuple(names[:: max(1, len(names) // number)][:number])


def _false_matches(folder: Path, title: str) -> Table:
    settings = Settings()
    plan = FalseMatchPlan(
        folder, tuple(find_pictures(folder)), _LEVELS, ("pdq",), limits(settings),
        hashing(settings), open_policy(settings),
    )  # fmt: skip
    measured = measure_false_matches(plan, workers=os.cpu_count() or 1, advance=lambda: None)
    figures = figures_of(measured, plan.thresholds_bits(), copies_bits=plan.copies_bits, seed=_SEED)
    table = false_match_document(figures, _PLATFORM).tables[0]
    what = f"{figures.pictures:,} pictures, {len(figures.copies)} groups of copies. {table.note}"
    return Table(title, what, table.columns, _texts(table.rows))


def _cost(folder: Path) -> Table:
    """Measure the processor time of one core, and the views, of a picture at each level."""
    files = _files(folder)
    costs, views = defaultdict[Level, list[float]](list), defaultdict[Level, list[int]](list)
    settings = Settings()
    intake = InProcessIntake(limits(settings), hashing(settings))
    for level in _LEVELS:  # Loops are compiled at the first use.
        intake.read(files[0], {"pdq"}, level)
    for data in files:
        for level in _LEVELS:
            runs = []
            for _ in range(_RUNS):
                begun = time.process_time()
                reading = intake.read(data, {"pdq"}, level)
                runs.append(time.process_time() - begun)
            costs[level].append(min(runs))
            views[level].append(sum(one.algorithm.name == "pdq" for one in reading.hashes))
    plain = statistics.median(costs[Level.PLAIN])
    what = (
        f"Reading a JPEG of {_SIZE[0]} × {_SIZE[1]} pixels in one process, processor time, median"
        f" of {len(files)} photographs; each is the best of {_RUNS} runs. Hashes are those to look"
        " up, by PDQ."
    )
    rows = [
        [
            level,
            duration(median := statistics.median(costs[level])),
            duration(median - plain) if level in _COSTS_TO_KEEP else "",
            duration(_COSTS_TO_KEEP.get(level)),
            f"{statistics.mean(views[level]):.0f}",
            str(max(views[level])),
        ]
        for level in _LEVELS
    ]
    columns = ("level", "a picture", "more than plain", "to keep below", "hashes", "at most")
    return Table(_COST, what, columns, rows)


def _files(folder: Path) -> list[bytes]:
    """Return photographs as JPEG files of one size."""
    found = []
    for name in _spread(folder, _PHOTOGRAPHS_FOR_COST):
        with Image.open(folder / name) as picture:
            fitted = ImageOps.fit(picture.convert("RGB"), _SIZE)
        stream = io.BytesIO()
        fitted.save(stream, "JPEG", quality=90)
        found.append(stream.getvalue())
    return found


def _texts(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    return [["" if cell is None else str(cell) for cell in row] for row in rows]
