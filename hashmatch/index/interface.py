"""What an index promises: all entries of one algorithm within a distance of a query, exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple


class Neighbour(NamedTuple):
    """An entry that lies within the asked distance of a query."""

    entry_key: int
    list_key: int
    distance_bits: int


class Index(ABC):
    """The active entries of one algorithm, as of one moment. Safe to query from many threads."""

    @abstractmethod
    def search(self, value: bytes, threshold_bits: int) -> list[Neighbour]:
        """Return every entry at `threshold_bits` or nearer, nearest first, then by key.

        `value` is as long as the indexed ones; anything else raises `ValueError`.
        """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of entries."""
