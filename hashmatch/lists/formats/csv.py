"""Lists as CSV or TSV: a header, then one row per line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import BinaryIO

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError
from hashmatch.terms import TERM

from .interface import BadRow, ListFormat, RawRow, Row, UnknownColumn
from .lines import Line, doubtful_comment, has_hash, is_marked, read_lines
from .mapping import (
    TAG_SEPARATOR,
    hash_columns,
    mapped_rows,
    named_columns,
    require_hash_columns,
)

# All but the number of the row, and whether its algorithm is a kind, which no column says.
_COLUMNS = RawRow._fields[1:-1]
_REQUIRED = {"algorithm", "value"}
_SEPARATORS = (",", ";", "\t")
# Names of columns, and values that look like a hash: a header without a line end of its own would
# otherwise swallow the first row.
_NAME = re.compile(r"[^\W\d][\w .:/()-]{0,39}")
_VALUE = re.compile(r"[0-9a-f]{8,}")
_make_row = RawRow._make


class CSVFormat(ListFormat):
    """Separated values; tags within their column are separated by semicolons.

    The header shows whether commas, semicolons or tabs separate the columns; `separator` is tried
    first. Lines that begin with "#" are comments where they cannot be rows. A quoted field must not
    span lines: a stray quote would otherwise swallow the rows after it, which would be missing
    without any notice.
    """

    def __init__(self, name: str, suffixes: tuple[str, ...], separator: str) -> None:
        self.name = name
        self.suffixes = suffixes
        self._separators = (separator, *(one for one in _SEPARATORS if one != separator))

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield the rows of the file; see `ListFormat.read`."""
        if mapping is None:
            yield from self._read_own(stream)
            return
        require_hash_columns(mapping)
        named = named_columns(mapping)
        separators = (mapping.separator,) if mapping.separator else self._separators
        table = _Table.begin(read_lines(stream), separators, lambda header: named <= {*header})
        _require_mapped_header(table, named)
        yield from table.unknown_columns(named)
        header = table.header
        for row in table.rows(hash_columns(mapping)):
            if isinstance(row, BadRow):
                yield row
            else:
                yield from mapped_rows(mapping, row[0], dict(zip(header, row[1], strict=False)))

    def _read_own(self, stream: BinaryIO) -> Iterator[Row]:
        table = _Table.begin(read_lines(stream), self._separators, _is_own_header)
        header = table.header
        if not _is_own_header(header) or len(set(header)) != len(header):
            # The line is not quoted in the message: in a file without a header it is an entry.
            raise ListFileError(
                f"line {table.header_line}: not a header: it needs the columns algorithm and value,"
                " or the column term, and each name once",
                hint="The file must be CSV and begin with a header such as"
                " 'algorithm,value,entry_id,category', after comments that begin with #; a mapping"
                " can define other column names.",
            )
        yield from table.unknown_columns((*_COLUMNS, TERM))
        # A column that the file lacks is read from the extra last field, which is always empty.
        is_of_terms = TERM in header
        columns = (_COLUMNS[0], TERM, *_COLUMNS[2:]) if is_of_terms else _COLUMNS
        pick = itemgetter(*(header.index(one) if one in header else -1 for one in columns))
        for row in table.rows({TERM} if is_of_terms else _REQUIRED):
            if isinstance(row, BadRow):
                yield row
            else:
                own = _own_row(row[0], pick(row[1]))
                yield own._replace(algorithm=TERM) if is_of_terms else own


@dataclass(frozen=True, slots=True)
class _Table:
    """A table after its header, whose names are in lower case, without empty ones at its end."""

    header: list[str]
    header_line: int
    separator: str
    lines: Iterator[Line]

    @classmethod
    def begin(
        cls, lines: Iterator[Line], separators: tuple[str, ...], fits: Callable[[list[str]], bool]
    ) -> _Table:
        """Read up to the header: the first line, or a comment right before it, that fits.

        Where neither does, the first line is returned as the header, for a message.
        """
        comment, line = None, next(lines, None)
        while line is not None and not isinstance(line, BadRow) and is_marked(line[1]):
            comment, line = line, next(lines, None)
        tables = []
        if line is None or isinstance(line, BadRow):
            tables.append(cls([], 1 if line is None else line.line, separators[0], lines))
        else:
            tables += [cls(_names(line[1], one), line[0], one, lines) for one in separators]
        if comment is not None:
            # Some mark the header itself as a comment. The line after it is then a row.
            number, text = comment
            rest = lines if line is None else chain([line], lines)
            names = text.lstrip().removeprefix("#")
            tables += [cls(_names(names, one), number, one, rest) for one in separators]
        return next((one for one in tables if fits(one.header)), tables[0])

    def unknown_columns(self, known: tuple[str, ...] | set[str]) -> Iterator[UnknownColumn]:
        """Yield the columns that are not known, by their places."""
        for place, name in enumerate(self.header, start=1):
            if name not in known:
                yield UnknownColumn(f"column {place}")

    def rows(self, of_hashes: set[str]) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield (line, fields and an empty one after them); skip comments and empty rows.

        `of_hashes` are the columns of algorithms and hashes.
        """
        columns = len(self.header)
        begins_with_text = self.header[0] not in of_hashes
        for line in self.lines:
            if isinstance(line, BadRow):
                yield line
                continue
            number, text = line
            fields = _split(text, self.separator)
            if "#" in text and is_marked(text) and not (begins_with_text and has_hash(text)):
                if _may_be_row(text, fields or [], columns, begins_with_text=begins_with_text):
                    yield doubtful_comment(number)
                continue
            if fields is None:
                yield BadRow(number, "a quote is not closed on its line")
                continue
            if len(fields) > columns:
                _drop_empty_end(fields, columns)
                if len(fields) > columns:
                    yield BadRow(number, f"{len(fields)} fields where the header has {columns}")
                    continue
            if any(map(str.strip, fields)):
                # Writers of CSV often omit empty fields at the end of a row.
                fields += [""] * (columns + 1 - len(fields))
                yield number, fields


def _may_be_row(text: str, fields: list[str], columns: int, *, begins_with_text: bool) -> bool:
    """Say whether a line that begins as a comment could be a row, or could have been one."""
    _drop_empty_end(fields, 0)
    number = len(fields)
    return has_hash(text) or 2 <= number == columns or (begins_with_text and number >= 2)


def _drop_empty_end(fields: list[str], columns: int) -> None:
    """Drop the empty fields after that number: spreadsheets write them up to their last column."""
    while len(fields) > columns and not fields[-1].strip():
        fields.pop()


def _is_own_header(header: list[str]) -> bool:
    fit = all(_NAME.fullmatch(name) and not _VALUE.fullmatch(name) for name in header)
    # A list of terms has no hashes beside them.
    return fit and ({*header} >= _REQUIRED) is not (TERM in header)


def _require_mapped_header(table: _Table, named: set[str]) -> None:
    """Raise `ListFileError` where a column that the mapping names is missing or there twice."""
    place = f"line {table.header_line}: the header"
    if missing := sorted(named - {*table.header}):
        raise ListFileError(
            f"{place} lacks columns that the mapping names: {', '.join(missing)}",
            hint="Use the file's own column names in the mapping, and remove those that it lacks.",
        )
    if repeated := sorted(name for name in named if table.header.count(name) > 1):
        raise ListFileError(f"{place} has duplicate columns: {', '.join(repeated)}")


def _names(text: str, separator: str) -> list[str]:
    names = [name.strip().lower() for name in _split(text, separator) or ()]
    _drop_empty_end(names, 0)
    return names


def _own_row(number: int, picked: tuple[str, ...]) -> RawRow:
    algorithm, value, entry_id, category, tags, added_at, note = picked
    own = _split_tags(tags)
    # Twice as fast as by keyword and default.
    return _make_row((number, algorithm, value, entry_id, category, own, added_at, note, False))


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
