"""Lists as CSV or TSV: a header, then one row per line, in UTF-8."""

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
from .mapping import TAG_SEPARATOR, mapped_rows, named_columns, require_hash_columns

# All but the number of the row, and whether its algorithm is a kind, which no column says.
_COLUMNS = RawRow._fields[1:-1]
_REQUIRED = ("algorithm", "value")
# Names of columns, and values that look like a hash: a header without a line end of its own would
# otherwise swallow the first row.
_NAME = re.compile(r"[^\W\d][\w .:/()-]{0,39}")
_VALUE = re.compile(r"[0-9a-f]{8,}")


class CSVFormat(ListFormat):
    """Separated values; tags within their column are separated by semicolons.

    A quoted field must not span lines: a stray quote would otherwise swallow the rows after it,
    which would be missing without any notice.
    """

    def __init__(self, name: str, suffixes: tuple[str, ...], separator: str) -> None:
        self.name = name
        self.suffixes = suffixes
        self._separator = separator

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield the rows of the file; see `ListFormat.read`."""
        if mapping is None:
            yield from self._read_own(stream)
            return
        require_hash_columns(mapping)
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
        # A column that the file lacks is read from the extra last field, which is always empty.
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
        # The line is not quoted in the message: in a file without a header it is an entry.
        raise ListFileError(
            "line 1: not a header: it needs the columns algorithm and value, and each name once",
            hint="The file must be CSV in UTF-8 and begin with a header such as"
            " 'algorithm,value,entry_id,category'; a mapping can define other column names.",
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
            hint="Use the file's own column names in the mapping, and remove those that it lacks.",
        )
    if repeated := sorted(name for name in named if header.count(name) > 1):
        raise ListFileError(f"line 1: the header has duplicate columns: {', '.join(repeated)}")
    return header


def _names(line: tuple[int, str] | BadRow | None, separator: str) -> list[str]:
    fields = None if line is None or isinstance(line, BadRow) else _split(line[1], separator)
    return [name.strip().lower() for name in fields or ()]


def _fields(number: int, text: str, columns: int, separator: str) -> list[str] | BadRow:
    """Return the fields of a line and an empty one after them, or why it is rejected."""
    fields = _split(text, separator)
    if fields is None:
        return BadRow(number, "a quote is not closed on its line")
    if len(fields) > columns:
        return BadRow(number, f"{len(fields)} fields where the header has {columns}")
    # Writers of CSV often omit empty fields at the end of a row.
    fields.extend([""] * (columns + 1 - len(fields)))
    return fields


def _own_row(number: int, picked: tuple[str, ...]) -> RawRow:
    algorithm, value, entry_id, category, tags, added_at, note = picked
    return RawRow(number, algorithm, value, entry_id, category, _split_tags(tags), added_at, note)


@lru_cache(maxsize=4096)
def _split_tags(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(TAG_SEPARATOR))))


def _split(text: str, separator: str) -> list[str] | None:
    """Return the fields of one line, or None where its quotes are not balanced."""
    if '"' not in text:
        # Four times as fast as the csv module, and most lines have no quotes.
        return text.split(separator)
    try:
        return next(csv.reader((text,), delimiter=separator, strict=True))
    except csv.Error:
        return None
