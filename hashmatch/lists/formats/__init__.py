"""List formats, each in a file of its own.

To add one: write its file, name it here, give the contract suite a sample of it, and add a line to
the README.
"""

from __future__ import annotations

from hashmatch.errors import InputError

from .csv import CSVFormat
from .interface import BadRow, LeftOut, ListFormat, RawRow, Row, UnknownColumn
from .json import JSONFormat, JSONLinesFormat
from .mapping import as_text, mapped_category
from .ncmec import NCMECEntry, NCMECFormat, NextPage, entry_rows, read_answer
from .pytx import SignalFileFormat
from .vics import VICSFormat

FORMATS: tuple[ListFormat, ...] = (
    CSVFormat("csv", (".csv",), ","),
    CSVFormat("tsv", (".tsv", ".tab"), "\t"),
    JSONLinesFormat(),
    JSONFormat(),
    VICSFormat("vics"),
    VICSFormat("caid"),
    NCMECFormat(),
    SignalFileFormat(),
)


def find_format(file_name: str, name: str = "") -> ListFormat:
    """Return the format of that name, or the one that the file's ending tells.

    Raises `InputError`.
    """
    for one in FORMATS:
        if one.name == name or (not name and file_name.lower().endswith(one.suffixes)):
            return one
    known = ", ".join(one.name for one in FORMATS)
    raise InputError(
        f"{file_name}: the format is not known", hint=f"Name it with --format: {known}."
    )


__all__ = [
    "FORMATS",
    "BadRow",
    "LeftOut",
    "ListFormat",
    "NCMECEntry",
    "NextPage",
    "RawRow",
    "Row",
    "UnknownColumn",
    "as_text",
    "entry_rows",
    "find_format",
    "mapped_category",
    "read_answer",
]
