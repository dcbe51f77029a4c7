"""Reports as JSON Lines: one object a match, everything as it is in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from .interface import ReportFormat, ReportRow


class JSONLinesReport(ReportFormat):
    """One JSON object a line."""

    name = "jsonl"

    def write(self, rows: Iterable[ReportRow], stream: TextIO) -> int:
        """Write the rows as they come and return how many there were."""
        count = 0
        for row in rows:
            stream.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")
            count += 1
        return count
