"""Doors: protocols by which others ask for verdicts, as they ask virus scanners."""

from .serving import open_doors, require_doors

__all__ = ["open_doors", "require_doors"]
