"""Signal files of HMA and python-threatexchange: one hash per line, after its type and a space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from hashmatch.config import MappingSettings

from .interface import BadRow, ListFormat, RawRow, Row
from .lines import read_lines, without_comments


class SignalFileFormat(ListFormat):
    """Lines such as "pdq f8f8…"; with `algorithm` in a mapping the type may be omitted."""

    name = "pytx"
    suffixes = (".signals",)

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield the rows of the file; see `ListFormat.read`."""
        algorithm = "" if mapping is None else mapping.algorithm
        algorithms = {} if mapping is None else mapping.algorithms
        for line in without_comments(read_lines(stream)):
            if isinstance(line, BadRow):
                yield line
                continue
            number, text = line
            name, _, value = text.strip().partition(" ")
            # A line without a type: its only word is the hash.
            if not value and algorithm:
                name, value = algorithm, name
            if not value:
                yield BadRow(number, "there is no type and a space before the hash")
            else:
                yield RawRow(number, algorithms.get(name, name), value.strip())
