"""Lists: how they are written in files, and how they come into the store."""

from .formats import FORMATS, BadRow, ListFormat, find_format
from .importing import ImportSummary, SetAside, import_list
from .sources import FileSource, HTTPSSource, ListSource
from .syncing import sync_list

__all__ = [
    "FORMATS",
    "BadRow",
    "FileSource",
    "HTTPSSource",
    "ImportSummary",
    "ListFormat",
    "ListSource",
    "SetAside",
    "find_format",
    "import_list",
    "sync_list",
]
