"""Recall of an evaluation, for reports: read from its file of results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hashmatch.evaluate import RecallFigures, read_results
from hashmatch.hashes import Level

from .record import RecallLine


def read_recall(path: Path, level: Level) -> tuple[RecallLine, ...]:
    """Return the recall of a file of results at a level, or at the first that was measured.

    Near matches do not count as found. Raises `InputError` where it is no such file.
    """
    figures = RecallFigures(*read_results(path, "recall"))
    return tuple(_lines(figures, level if level in figures.levels else figures.levels[0]))


def _lines(figures: RecallFigures, level: Level) -> Iterator[RecallLine]:
    for threshold in figures.thresholds():
        if threshold.review_bits is not None:
            continue
        for group in figures.groups():
            one = figures.of_group(group, level, threshold)
            yield RecallLine(
                threshold.algorithm,
                level.value,
                group.value,
                one.found,
                one.copies,
                one.pictures,
                round(one.interval.low, 4),
                round(one.interval.high, 4),
            )
