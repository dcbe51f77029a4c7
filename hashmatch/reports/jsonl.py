"""Reports as JSON Lines: one object per row, with all values as they are in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .interface import ReportFormat, names_of, values_of


class JSONLinesReport(ReportFormat):
    """One JSON object per line."""

    name = "jsonl"
    media_type = "application/jsonl"

    def pieces(self, kind: type[Any], rows: Iterable[Any]) -> Iterator[str]:
        """Yield a line for each row."""
        names = names_of(kind)
        for values in values_of(kind, rows):
            row = dict(zip(names, values, strict=True))
            yield json.dumps(row, ensure_ascii=False) + "\n"
