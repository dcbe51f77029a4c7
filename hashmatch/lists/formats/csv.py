"""Lists as CSV or TSV: a header, then one row a line, in UTF-8."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from typing import BinaryIO

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError

from .interface import BadRow, ListFormat, RawRow, Row, UnknownColumn
from .lines import read_lines
from .mapping import TAG_SEPARATOR, mapped_rows, named_columns, require_useful

_COLUMNS = RawRow._fields[1:]
_REQUIRED = ("algorithm", "value")
# What can be the name of a column, and what looks like a hash: a header that runs on into the
# first row would otherwise take that row with it.
_NAME = re.compile(r"[^\W\d][\w .:/()-]{0,39}")
_VALUE = re.compile(r"[0-9a-f]{8,}")


class CSVFormat(ListFormat):
    """Separated values; tags within their column are separated by semicolons.

    A quoted field may not run over a line's end: a stray quote would then swallow the rows after
    it, and they would go missing unnoticed.
    """

    def __init__(self, name: str, suffixes: tuple[str, ...], separator: str) -> None:
        self.name = name
        self.suffixes = suffixes
        self._separator = separator

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield what the file holds."""
        if mapping is None:
            yield from self._read_own(stream)
            return
        require_useful(mapping)
        separator = mapping.separator or self._separator
        lines = read_lines(stream)
        header = _read_mapped_header(next(lines, None), separator, mapping)
        named = named_columns(mapping)
        for place, name in enumerate(header, start=1):
            if name not in named:
                yield UnknownColumn(f"column {place}")
        for line in lines:
            fields = line if isinstance(line, BadRow) else _fields(*line, len(header), separator)
            if isinstance(fields, BadRow):
                yield fields
            else:
                yield from mapped_rows(mapping, line[0], dict(zip(header, fields, strict=False)))

    def _read_own(self, stream: BinaryIO) -> Iterator[Row]:
        lines = read_lines(stream)
        header = _read_header(next(lines, None), self._separator)
        for place, name in enumerate(header, start=1):
            if name not in _COLUMNS:
                yield UnknownColumn(f"column {place}")
        # A column that the file lacks is read from one past the others, which is empty.
        pick = itemgetter(*(header.index(one) if one in header else -1 for one in _COLUMNS))
        for line in lines:
            if isinstance(line, BadRow):
                yield line
                continue
            fields = _fields(*line, len(header), self._separator)
            yield fields if isinstance(fields, BadRow) else _own_row(line[0], pick(fields))


def _read_header(line: tuple[int, str] | BadRow | None, separator: str) -> list[str]:
    header = _names(line, separator)
    fit = all(_NAME.fullmatch(name) and not _VALUE.fullmatch(name) for name in header)
    if not fit or not set(_REQUIRED) <= set(header) or len(set(header)) != len(header):
        # What stands there is not repeated: without a header it is an entry.
        raise ListFileError(
            "line 1: this is no header with the columns algorithm and value and other short names,"
            " each once",
            hint="The file has to be CSV in UTF-8 and to begin with a header such as"
            " 'algorithm,value,entry_id,category'; or a mapping says what its columns are called.",
        )
    return header


def _read_mapped_header(
    line: tuple[int, str] | BadRow | None, separator: str, mapping: MappingSettings
) -> list[str]:
    header = _names(line, separator)
    named = named_columns(mapping)
    if missing := sorted(named - set(header)):
        raise ListFileError(
            f"line 1: the header lacks columns that the mapping names: {', '.join(missing)}",
            hint="Name the file's own columns in the mapping, and leave out what it does not have.",
        )
    if twice := sorted(name for name in named if header.count(name) > 1):
        raise ListFileError(f"line 1: the header has columns twice: {', '.join(twice)}")
    return header


def _names(line: tuple[int, str] | BadRow | None, separator: str) -> list[str]:
    fields = None if line is None or isinstance(line, BadRow) else _split(line[1], separator)
    return [name.strip().lower() for name in fields or ()]


def _fields(number: int, text: str, columns: int, separator: str) -> list[str] | BadRow:
    """Return the fields of a line and an empty one after them, or what is wrong with it."""
    fields = _split(text, separator)
    if fields is None:
        return BadRow(number, "a quote is not closed on its line")
    if len(fields) > columns:
        return BadRow(number, f"{len(fields)} fields where the header has {columns}")
    fields.extend([""] * (columns + 1 - len(fields)))
    return fields


def _own_row(number: int, picked: tuple[str, ...]) -> RawRow:
    algorithm, value, entry_id, category, tags, added_at, note = picked
    return RawRow(number, algorithm, value, entry_id, category, _split_tags(tags), added_at, note)


@lru_cache(maxsize=4096)
def _split_tags(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(TAG_SEPARATOR))))


def _split(text: str, separator: str) -> list[str] | None:
    """Return the fields of one line, or None where its quotes do not add up."""
    if '"' not in text:
        return text.split(separator)  # Four times as fast as the csv module, and most are such.
    try:
        return next(csv.reader((text,), delimiter=separator, strict=True))
    except csv.Error:
        return None
