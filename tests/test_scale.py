"""The page on scale has what its script computes from the figures that it gives."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.scale import Measured, needs_at_scale

_PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text()


def test_the_table_of_needs_follows_from_the_figures_above_it() -> None:
    intake_ms, lookup_ms = (float(one) for one in re.findall(r"\| ([\d.]+) ms \|", _PAGE))
    (size_mb,) = (float(one) for one in re.findall(r"\| ([\d.]+) MB \|", _PAGE))
    needs = needs_at_scale(Measured(intake_ms / 1e3, lookup_ms / 1e3, size_mb * 1e6))
    shown = [row for row in _rows(_PAGE) if row[0].replace(",", "").isdigit()]
    assert len(shown) == len(needs.rows) == 9
    for computed, row in zip(needs.rows, shown, strict=True):
        for one, other in zip(computed, row, strict=True):
            # The figures are rounded in the page.
            assert abs(_number(one) - _number(other)) <= 0.02 * _number(other) + 0.01, row


def _rows(page: str) -> list[list[str]]:
    lines = (line for line in page.splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _number(cell: str) -> float:
    return float(cell.split()[0].replace(",", ""))
