"""Recall of altered copies and false matches, over photographs that somebody gives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import Table
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
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Level
from hashmatch.wiring import hashing, limits, open_policy

TITLES = ("Recall of altered copies", "False matches")
# As many as the figures of the design were measured with; more say little more.
_PHOTOGRAPHS_FOR_RECALL = 139
_SEED = 1
_LEVELS = (Level.STANDARD, Level.THOROUGH)
_PLATFORM = Platform(entries=1_000_000, images_a_day=1_000_000)


def photographs() -> Path | None:
    """Return the folder of photographs, which the environment names; None without one."""
    folder = os.environ.get("PHOTOGRAPHS")
    return Path(folder) if folder else None


def measure() -> list[Table]:
    """Measure both, with the targets beside; nothing without photographs."""
    folder = photographs()
    if folder is None:
        return []
    return [_recall(folder), _false_matches(folder)]


def _recall(folder: Path) -> Table:
    settings = Settings()
    names = find_pictures(folder)
    # Some from the whole folder, since photographs of one source stand together in it.
    chosen = tuple(names[:: max(1, len(names) // _PHOTOGRAPHS_FOR_RECALL)])
    plan = RecallPlan(
        folder, chosen[:_PHOTOGRAPHS_FOR_RECALL], _LEVELS, ("pdq",), _SEED, limits(settings),
        hashing(settings), open_policy(settings),
    )  # fmt: skip
    with open_results(None, plan.header()) as results:
        measure_recall(plan, results, workers=os.cpu_count() or 1, advance=lambda: None)
    table = recall_by_group(RecallFigures(plan.header(), results.records))
    return Table(TITLES[0], table.note, table.columns, _texts(table.rows))


def _false_matches(folder: Path) -> Table:
    settings = Settings()
    policy = open_policy(settings)
    plan = FalseMatchPlan(
        folder, tuple(find_pictures(folder)), _LEVELS, ("pdq",), limits(settings),
        hashing(settings), policy,
    )  # fmt: skip
    measured = measure_false_matches(plan, workers=os.cpu_count() or 1, advance=lambda: None)
    thresholds = {"pdq": policy.threshold_bits("", ALGORITHMS["pdq"]) or 0}
    figures = figures_of(measured, thresholds, copies_bits=plan.copies_bits, seed=_SEED)
    table = false_match_document(figures, _PLATFORM).tables[0]
    what = f"{figures.pictures:,} photographs. {table.note}"
    return Table(TITLES[1], what, table.columns, _texts(table.rows))


def _texts(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    return [["" if cell is None else str(cell) for cell in row] for row in rows]
