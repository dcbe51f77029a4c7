"""Interface of list formats: the rows of a file in order, with rejected ones by line number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, TypeAlias

from hashmatch.config import MappingSettings

_BLOCK_BYTES = 1 << 16


class RawRow(NamedTuple):
    """One row exactly as the file has it: all fields are text, and nothing is checked.

    `is_kind` says that the algorithm is one of the kinds that a protocol names, of which there may
    be new ones; in a file with columns it may as well be damaged.
    """

    line: int
    algorithm: str
    value: str
    entry_id: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    added_at: str = ""
    note: str = ""
    is_kind: bool = False


class BadRow(NamedTuple):
    """A rejected row; `problem` says why, and never quotes a value.

    `entry_id` is the licensor's where the row still shows it, else empty. `is_damage` is False for
    a row that cannot be the damaged form of another one, such as a duplicate.
    """

    line: int
    problem: str
    entry_id: str = ""
    is_damage: bool = True


class UnknownColumn(NamedTuple):
    """A column that has no meaning for hashmatch and is ignored.

    It is reported by its place: in a damaged file its name could be a hash value.
    """

    place: str


class Excluded(NamedTuple):
    """An entry that is left out without being rejected, such as one of an excluded category."""

    line: int


Row: TypeAlias = RawRow | BadRow | Excluded | UnknownColumn


class ListFormat(ABC):
    """Format of list files; `unit` is the unit in which its rows are counted."""

    name: str
    suffixes: tuple[str, ...]
    unit: str = "line"

    @abstractmethod
    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield the rows of the file in order, in bounded memory.

        `mapping` describes the layout of the file; None stands for our own columns. Raises
        `ListFileError` where the file is not of this format, or its layout is not the mapping's.
        """

    def read_to_end(
        self, stream: BinaryIO, mapping: MappingSettings | None = None
    ) -> Iterator[Row]:
        """Yield the rows as `read` does, and read the stream to its end, where damage may show."""
        yield from self.read(stream, mapping)
        while stream.read(_BLOCK_BYTES):
            pass
