"""Layered index: several segments as one, without entries that were withdrawn since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashes import Algorithm

from .interface import Entries, Hits, Index, Keys, Segment, Values, no_hits


class Withdrawn:
    """The withdrawn entries of segments: single keys, and removed lists up to a key.

    `keys` are in ascending order. `removed` has, by the key of a removed list, the highest key of
    an entry that was withdrawn with it.
    """

    def __init__(self, keys: Keys, removed: Mapping[int, int]) -> None:
        self.keys = keys
        self.removed = removed

    def includes(self, keys: Keys, list_keys: Keys) -> NDArray[np.bool_]:
        """Say of each entry whether it is withdrawn."""
        places = np.searchsorted(self.keys, keys)
        withdrawn = np.zeros(len(keys), np.bool_)
        inside = places < len(self.keys)
        withdrawn[inside] = self.keys[places[inside]] == keys[inside]
        for list_key, last_key in self.removed.items():
            withdrawn |= (list_keys == list_key) & (keys <= last_key)
        return withdrawn

    def active(self, entries: Entries) -> Entries:
        """Return the entries that are not withdrawn."""
        is_active = ~self.includes(entries.keys, entries.list_keys)
        return entries if is_active.all() else entries.where(is_active)


class LayeredIndex(Index):
    """The segments of one algorithm, searched one after another."""

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
        found = []
        rows_before = 0
        for segment in self._segments:
            own = segment.find(values, threshold_bits)
            if len(own.queries):
                found.append(own._replace(rows=own.rows + rows_before))
            rows_before += len(segment)
        if not found:
            return no_hits()
        hits = Hits(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
        # Segments never change and hits are few, so withdrawn entries are filtered out here.
        is_active = ~self._withdrawn.includes(hits.entry_keys, hits.list_keys)
        return Hits(*(column[is_active] for column in hits))
