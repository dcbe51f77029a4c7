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
                row = json.loads(text, object_pairs_hook=_each_key_once)
            except (ValueError, RecursionError):
                yield BadRow(number, "not JSON, or a key twice")
                continue
            if not isinstance(row, dict):
                yield BadRow(number, "not a JSON object")
                continue
            new = row.keys() - _COLUMNS - unknown
            unknown |= new
            for key in new:
                yield UnknownColumn(f"key {list(row).index(key) + 1} of line {number}")
            yield _read_row(number, row)


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a key stands twice")
    return row


def _read_row(number: int, row: Mapping[str, object]) -> RawRow | BadRow:
    entry_id = row.get("entry_id")
    if isinstance(entry_id, int) and not isinstance(entry_id, bool):
        entry_id = str(entry_id)
    entry_id = _text(entry_id)
    if entry_id is None:
        return BadRow(number, "entry_id is neither a string nor a whole number")
    texts: dict[str, str] = {}
    for name in _COLUMNS:
        if name not in ("tags", "entry_id"):
            text = _text(row.get(name))
            if text is None:
                return BadRow(number, f"{name} is not a string", entry_id)
            texts[name] = text
    tags = row.get("tags") or []
    if not isinstance(tags, list) or not all(tag and _text(tag) for tag in tags):
        return BadRow(number, "tags is not an array of strings", entry_id)
    return RawRow(line=number, entry_id=entry_id, tags=tuple(tags), **texts)


def _text(value: object) -> str | None:
    """Return a string that can be stored, "" for nothing, None for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can write halves of characters.
        return None
    return value
