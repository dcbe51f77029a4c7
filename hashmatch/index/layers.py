"""Several segments as one index, without the entries that were withdrawn since they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashes import Algorithm

from .interface import Entries, Hits, Index, Keys, Segment, Values


class Withdrawn:
    """Which entries of segments are dead: some by their keys, removed lists up to a key."""

    def __init__(self, keys: Keys, removed: Mapping[int, int]) -> None:
        # `keys` are in order.
        self.keys = keys
        self.removed = removed

    def are_dead(self, keys: Keys, list_keys: Keys) -> NDArray[np.bool_]:
        """Say of each entry whether it is dead."""
        places = np.searchsorted(self.keys, keys)
        dead = np.zeros(len(keys), np.bool_)
        inside = places < len(self.keys)
        dead[inside] = self.keys[places[inside]] == keys[inside]
        for list_key, last_key in self.removed.items():
            dead |= (list_keys == list_key) & (keys <= last_key)
        return dead

    def living(self, entries: Entries) -> Entries:
        """Return those of the entries that are not dead."""
        alive = ~self.are_dead(entries.keys, entries.list_keys)
        return entries if alive.all() else entries.where(alive)


class LayeredIndex(Index):
    """The segments of one algorithm, asked one after the other."""

    def __init__(
        self, algorithm: Algorithm, segments: Sequence[Segment], withdrawn: Withdrawn, active: int
    ) -> None:
        self.algorithm = algorithm
        self._segments = segments
        self._withdrawn = withdrawn
        self._active = active

    def __len__(self) -> int:
        return self._active

    def find(self, values: Values, threshold_bits: int) -> Hits:
        """Return every active entry within the threshold."""
        found = [segment.find(values, threshold_bits) for segment in self._segments]
        hits = Hits(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
        if not len(hits.queries):
            return hits
        alive = ~self._withdrawn.are_dead(hits.entry_keys, hits.list_keys)
        return Hits(*(column[alive] for column in hits))
