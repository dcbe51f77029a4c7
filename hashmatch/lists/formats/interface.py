"""What a list format promises: the rows of a file in order, and by line number what is no row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, TypeAlias

from hashmatch.config import MappingSettings


class RawRow(NamedTuple):
    """One row as the file has it: everything still text, nothing checked."""

    line: int
    algorithm: str
    value: str
    entry_id: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    added_at: str = ""
    note: str = ""


class BadRow(NamedTuple):
    """A row that has to be set aside, and why, in words that never repeat a value.

    `entry_id` is the licensor's where the row still shows it, else empty. `is_damage` is False for
    a row that cannot be the damaged form of another: a duplicate, or one of a foreign algorithm.
    """

    line: int
    problem: str
    entry_id: str = ""
    is_damage: bool = True


class UnknownColumn(NamedTuple):
    """A column that means nothing to hashmatch and is passed over.

    It is told by its place: in a damaged file its name could be a value.
    """

    place: str


class LeftOut(NamedTuple):
    """An entry that the mapping leaves out by its category."""

    line: int


Row: TypeAlias = RawRow | BadRow | LeftOut | UnknownColumn


class ListFormat(ABC):
    """One way of writing a list into a file. `unit` is what its rows are counted in."""

    name: str
    suffixes: tuple[str, ...]
    unit: str = "line"

    @abstractmethod
    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield what the file holds, one after the other, in bounded memory.

        `mapping` says how this file is laid out; None stands for our own columns. Raises
        `ListFileError` where the file as a whole is not of this format, or of another layout.
        """
