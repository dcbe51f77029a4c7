"""The index: from hashes to the entries of all lists, exactly."""

from .exact import ExactIndex
from .flat import FlatIndex
from .interface import Index, Neighbour
from .live import LiveIndex, Snapshot

__all__ = ["ExactIndex", "FlatIndex", "Index", "LiveIndex", "Neighbour", "Snapshot"]
