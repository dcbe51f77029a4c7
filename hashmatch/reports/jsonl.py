"""Reports as JSON Lines: one object a match, everything as it is in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from .interface import ReportFormat, ReportRow


class JSONLinesReport(ReportFormat):
    """One JSON object a line."""

    name = "jsonl"

    def pieces(self, rows: Iterable[ReportRow]) -> Iterator[str]:
        """Yield a line for each row."""
        for row in rows:
            yield json.dumps(row.as_json(), ensure_ascii=False) + "\n"
