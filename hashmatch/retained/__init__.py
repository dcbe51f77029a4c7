"""Retained hashes: those of past uploads, by content id, to be compared with later entries."""

from .folder import Part, RetainedFolder, Summary
from .keeping import NO_KEEPER, Keeper
from .rows import Row

__all__ = ["NO_KEEPER", "Keeper", "Part", "RetainedFolder", "Row", "Summary"]
