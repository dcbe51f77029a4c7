"""Lists as JSON objects: an array of them anywhere in a document, or one per line (JSON Lines)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError

from .interface import BadRow, ListFormat, Row, UnknownColumn
from .lines import Line, read_lines, without_comments
from .mapping import OWN_COLUMNS, mapped_rows, named_columns, require_hash_columns
from .records import json_events, records_at

# A hostile file could have new keys in every record.
_MAX_UNKNOWN_KEYS = 100


class JSONFormat(ListFormat):
    """Array of objects, read as a stream; a mapping's `rows` is the dotted path to it."""

    name = "json"
    suffixes = (".json",)
    unit = "record"

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield the rows of the file; see `ListFormat.read`."""
        mapping = mapping or OWN_COLUMNS
        require_hash_columns(mapping)
        path = [*filter(None, mapping.rows.split(".")), "item"]
        place = mapping.rows or "the top level"
        yield from _read(mapping, _numbered(records_at(json_events(stream), path), place))


class JSONLinesFormat(ListFormat):
    """One object per line; values are strings, or numbers for ids, `tags` an array of strings."""

    name = "jsonl"
    suffixes = (".jsonl", ".ndjson")

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield the rows of the file; see `ListFormat.read`."""
        mapping = mapping or OWN_COLUMNS
        require_hash_columns(mapping)
        yield from _read(mapping, map(_parsed, without_comments(read_lines(stream))))


def _read(
    mapping: MappingSettings, records: Iterable[tuple[int, object] | BadRow]
) -> Iterator[Row]:
    named = named_columns(mapping)
    unknown: set[str] = set()
    for numbered in records:
        if isinstance(numbered, BadRow):
            yield numbered
            continue
        number, record = numbered
        if not isinstance(record, dict):
            yield BadRow(number, "not a JSON object")
            continue
        lower = {key.lower(): value for key, value in record.items()}
        for place, key in enumerate(lower, start=1):
            if key not in named and key not in unknown and len(unknown) < _MAX_UNKNOWN_KEYS:
                unknown.add(key)
                yield UnknownColumn(f"key {place} of row {number}")
        # Which of both values counts would be a guess.
        if len(lower) < len(record):
            yield BadRow(number, "a key occurs twice, in different case")
            continue
        yield from mapped_rows(mapping, number, lower)


def _numbered(records: Iterable[object], place: str) -> Iterator[tuple[int, object]]:
    number = 0
    for number, record in enumerate(records, start=1):
        yield number, record
    if not number:
        raise ListFileError(
            f"the file has no array of objects at {place}",
            hint="Set the path to it as 'rows' in a mapping; VICS and CAID need --format vics.",
        )


def _parsed(line: Line) -> tuple[int, object] | BadRow:
    if isinstance(line, BadRow):
        return line
    number, text = line
    try:
        return number, json.loads(text, object_pairs_hook=_require_unique_keys)
    # Deep nesting exhausts the parser's stack.
    except (ValueError, RecursionError):
        return BadRow(number, "not JSON, or a duplicate key")


def _require_unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a duplicate key")
    return row
