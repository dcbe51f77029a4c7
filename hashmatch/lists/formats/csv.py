"""Lists as CSV: a header, then one row a line, in UTF-8."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter
from typing import BinaryIO

from hashmatch.errors import ListFileError

from .interface import BadRow, ListFormat, RawRow, UnknownColumn
from .lines import read_lines

_COLUMNS = RawRow._fields[1:]
_REQUIRED = ("algorithm", "value")
_TAG_SEPARATOR = ";"
# What can be the name of a column, and what looks like a hash: a header that runs on into the
# first row would otherwise take that row with it.
_NAME = re.compile(r"[^\W\d][\w .:/()-]{0,39}")
_VALUE = re.compile(r"[0-9a-f]{8,}")


class CSVFormat(ListFormat):
    """Comma-separated values; tags within their column are separated by semicolons.

    A quoted field may not run over a line's end: a stray quote would then swallow the rows after
    it, and they would go missing unnoticed.
    """

    name = "csv"
    suffixes = (".csv",)

    def read(self, stream: BinaryIO) -> Iterator[RawRow | BadRow | UnknownColumn]:
        """Yield what the file holds."""
        lines = read_lines(stream)
        header = _read_header(next(lines, None))
        for place, name in enumerate(header, start=1):
            if name not in _COLUMNS:
                yield UnknownColumn(f"column {place}")
        # A column that the file lacks is read from one past the others, which is empty.
        pick = itemgetter(*(header.index(one) if one in header else -1 for one in _COLUMNS))
        for line in lines:
            yield line if isinstance(line, BadRow) else _read_row(*line, len(header), pick)


def _read_header(line: tuple[int, str] | BadRow | None) -> list[str]:
    fields = None if line is None or isinstance(line, BadRow) else _split(line[1])
    header = [name.strip().lower() for name in fields or ()]
    fit = all(_NAME.fullmatch(name) and not _VALUE.fullmatch(name) for name in header)
    if not fit or not set(_REQUIRED) <= set(header) or len(set(header)) != len(header):
        # What stands there is not repeated: without a header it is an entry.
        raise ListFileError(
            "line 1: this is no header with the columns algorithm and value and other short names,"
            " each once",
            hint="The file has to be CSV in UTF-8 and to begin with a header such as"
            " 'algorithm,value,entry_id,category'.",
        )
    return header


def _read_row(
    number: int, text: str, columns: int, pick: Callable[[list[str]], tuple[str, ...]]
) -> RawRow | BadRow:
    fields = _split(text)
    if fields is None:
        return BadRow(number, "a quote is not closed on its line")
    if len(fields) > columns:
        return BadRow(number, f"{len(fields)} fields where the header has {columns}")
    fields.extend([""] * (columns + 1 - len(fields)))
    algorithm, value, entry_id, category, tags, added_at, note = pick(fields)
    return RawRow(number, algorithm, value, entry_id, category, _split_tags(tags), added_at, note)


@lru_cache(maxsize=4096)
def _split_tags(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(_TAG_SEPARATOR))))


def _split(text: str) -> list[str] | None:
    """Return the fields of one line, or None where its quotes do not add up."""
    if '"' not in text:
        return text.split(",")  # Four times as fast as the csv module, and most lines are such.
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error:
        return None
