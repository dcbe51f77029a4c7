"""Lists: how they are written in files, and how they come into the store."""

from .formats import FORMATS, BadRow, ListFormat, find_format
from .importing import ImportSummary, SetAside, import_list

__all__ = [
    "FORMATS",
    "BadRow",
    "ImportSummary",
    "ListFormat",
    "SetAside",
    "find_format",
    "import_list",
]
