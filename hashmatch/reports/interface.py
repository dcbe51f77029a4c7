"""Interface of report formats: rows written to a text stream, one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from operator import attrgetter
from typing import IO, Any, TypeAlias

# A row as its bare values, in the order of the fields of its kind.
Values: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One match in a report; field names are stable column names, times are ISO 8601 in UTC.

    `value` is the hash of the content that matched, empty unless it was requested. A match whose
    `nearness` is "near" is beyond its list's threshold; `entries` is the number of entries of the
    list that had the hash, of which it names one. The last four say what the file declares of its
    origin; they are empty where no file was read.
    """

    match_id: str
    matched_at: str
    content_id: str
    reference: str
    list: str
    licensor: str
    generation: int
    entry_id: str
    category: str
    action: str
    algorithm: str
    hasher_version: str
    distance_bits: int
    threshold_bits: int
    quality: int | None
    frame: int
    orientation: str
    view: str
    decode: str
    media_format: str
    width: int | None
    height: int | None
    frames: int | None
    value: str = ""
    case: str = ""
    nearness: str = ""
    entries: int = 1
    declared: str = ""
    evidence: str = ""
    c2pa: str = ""
    issuer: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the values by column name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case in a report, as in `ReportRow`; several values in a cell are separated by ` | `."""

    case: str
    content_id: str
    reference: str
    state: str
    priority: int
    opened_at: str
    due_at: str
    decided_at: str
    hours_to_decision: float | None
    assignee: str
    reopened: int
    legal_hold: str
    matches: int
    lists: str
    categories: str
    ncmec_reports: str

    def as_json(self) -> dict[str, Any]:
        """Return the values by column name."""
        return asdict(self)


class ReportFormat(ABC):
    """Format of reports with one row per match or case."""

    name: str
    media_type: str

    @abstractmethod
    def pieces(self, kind: type[Any], rows: Iterable[Any]) -> Iterator[str]:
        """Yield the report in pieces as the rows come; `kind` is the dataclass of all rows.

        A row may also be given as the tuple of its values.
        """

    def write(self, kind: type[Any], rows: Iterable[Any], stream: IO[str]) -> int:
        """Write the rows as they come, in bounded memory, and return their number."""
        # Pieces are not rows, so that the rows are counted on their way in.
        counted = _Counted(rows)
        for piece in self.pieces(kind, counted):
            stream.write(piece)
        return counted.count


def names_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of the columns of a kind of row."""
    return tuple(field.name for field in fields(kind))


def values_of(kind: type[Any], rows: Iterable[Any]) -> Iterator[Values]:
    """Yield the values of each row."""
    values = attrgetter(*names_of(kind))
    for row in rows:
        yield row if isinstance(row, tuple) else values(row)


class _Counted:
    """Iterable that counts its rows as they pass."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            self.count += 1
            yield row
