"""Which report somebody asks for, what goes together in it, and what the audit log has of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

_CYBERTIP = "cybertip"
# Formats with one row per match or case.
_OF_ROWS = ("csv", "jsonl")


@dataclass(frozen=True, slots=True)
class ReportWanted:
    """A report that somebody asks for: its format, its rows, its period, and what it shows."""

    form: str = "csv"
    of: str = "matches"
    since: datetime | None = None
    until: datetime | None = None
    list_name: str | None = None
    case: int | None = None
    show_hashes: bool = False
    show_details: bool = False

    @property
    def has_rows(self) -> bool:
        """Say whether it has a row for each match or case."""
        return self.form in _OF_ROWS

    def misfits(self) -> list[str]:
        """Return the names of what is asked for and its format does not take."""
        is_cybertip = self.form == _CYBERTIP
        of_matches = self.has_rows and self.of == "matches"
        asked = {
            "of": (self.of == "cases", self.has_rows),
            "list": (self.list_name is not None, of_matches),
            "show_hashes": (self.show_hashes, of_matches or is_cybertip),
            "case": (self.case is not None, is_cybertip),
            "show_details": (self.show_details, is_cybertip),
        }
        return [name for name, (is_asked, fits) in asked.items() if is_asked and not fits]

    def as_facts(self) -> dict[str, object]:
        """Return what the audit log has of the export."""
        return {
            "format": self.form,
            "of": self.of,
            "since": None if self.since is None else self.since.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
            "list": self.list_name,
            "case": self.case,
            "hashes": self.show_hashes,
            "details": self.show_details,
        }
