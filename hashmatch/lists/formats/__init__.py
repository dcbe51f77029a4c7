"""List formats, each in a file of its own.

To add one: write its file, register it in `FORMATS`, add a sample to the contract suite, and a line
to the README.
"""

from __future__ import annotations

from hashmatch.errors import InputError

from .csv import CSVFormat
from .feed import TAGS, Manifest, read_feed
from .interface import BadRow, Excluded, ListFormat, RawRow, Row, UnknownColumn
from .json import JSONFormat, JSONLinesFormat
from .mapping import as_text, mapped_category
from .ncmec import NCMECEntry, NCMECFormat, NextPage, entry_rows, read_response
from .pytx import SignalFileFormat
from .unpacking import ListFile, unpacked
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
    """Return the format of that name, or without one the format of the file's suffix.

    Raises `InputError` for an unknown name or suffix.
    """
    for one in FORMATS:
        if one.name == name or (not name and file_name.lower().endswith(one.suffixes)):
            return one
    known = ", ".join(one.name for one in FORMATS)
    raise InputError(f"{file_name}: unknown format", hint=f"Set it with --format: {known}.")


__all__ = [
    "FORMATS",
    "TAGS",
    "BadRow",
    "Excluded",
    "ListFile",
    "ListFormat",
    "Manifest",
    "NCMECEntry",
    "NextPage",
    "RawRow",
    "Row",
    "UnknownColumn",
    "as_text",
    "entry_rows",
    "find_format",
    "mapped_category",
    "read_feed",
    "read_response",
    "unpacked",
]
