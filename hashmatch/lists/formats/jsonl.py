"""Lists as JSON Lines: one object a line, in UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from .interface import BadRow, ListFormat, RawRow, UnknownColumn
from .lines import read_lines

_COLUMNS = RawRow._fields[1:]


class JSONLinesFormat(ListFormat):
    """JSON objects; `tags` is an array of strings, all else is a string (ids may be numbers)."""

    name = "jsonl"
    suffixes = (".jsonl", ".ndjson")

    def read(self, stream: BinaryIO) -> Iterator[RawRow | BadRow | UnknownColumn]:
        """Yield what the file holds."""
        unknown: set[str] = set()
        for line in read_lines(stream):
            if isinstance(line, BadRow):
                yield line
                continue
            number, text = line
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                yield BadRow(number, "not JSON")
                continue
            if not isinstance(row, dict):
                yield BadRow(number, "not a JSON object")
                continue
            new = row.keys() - _COLUMNS - unknown
            unknown |= new
            yield from map(UnknownColumn, sorted(new))
            yield _read_row(number, row)


def _read_row(number: int, row: Mapping[str, object]) -> RawRow | BadRow:
    entry_id = _text(row.get("entry_id"))
    texts = {name: _text(row.get(name)) for name in _COLUMNS if name not in ("tags", "entry_id")}
    for name, text in texts.items():
        if text is None:
            return BadRow(number, f"{name} is not a string", entry_id or "")
    if entry_id is None:
        return BadRow(number, "entry_id is neither a string nor a whole number")
    tags = row.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return BadRow(number, "tags is not an array of strings", entry_id)
    known = {name: text for name, text in texts.items() if text is not None}
    return RawRow(line=number, entry_id=entry_id, tags=tuple(tags), **known)


def _text(value: object) -> str | None:
    """Return a string or whole number as text, "" for nothing, None for anything else."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
