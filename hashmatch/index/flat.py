"""Exact Hamming search by comparing the query with every entry: right for any threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashes import is_match

from .interface import Index, Neighbour

Words: TypeAlias = NDArray[np.uint64]

_WORD_BYTES = 8
# Entries compared at a time: their differences stay in the processor's cache.
_ENTRIES_A_CHUNK = 16_384


class FlatIndex(Index):
    """Perceptual hashes of any whole number of bytes."""

    def __init__(
        self,
        keys: Sequence[int],
        list_keys: Sequence[int],
        values: NDArray[np.uint8],
    ) -> None:
        # `values` has shape (entries, bytes).
        self._value_bytes = values.shape[1]
        self._words = _as_words(values)
        self._keys = np.asarray(keys, np.int64)
        self._list_keys = np.asarray(list_keys, np.int64)

    def __len__(self) -> int:
        return len(self._keys)

    def search(self, value: bytes, threshold_bits: int) -> list[Neighbour]:
        """Return every entry within the threshold, nearest first, then by key."""
        if len(value) != self._value_bytes:
            raise ValueError(f"a value has {self._value_bytes} bytes here, not {len(value)}")
        query = _as_words(np.frombuffer(value, np.uint8)[None, :])[0]
        found = [
            Neighbour(int(self._keys[place]), int(self._list_keys[place]), distance)
            for place, distance in self._near(query, threshold_bits)
        ]
        return sorted(found, key=lambda one: (one.distance_bits, one.entry_key))

    def _near(self, query: Words, threshold_bits: int) -> list[tuple[int, int]]:
        near: list[tuple[int, int]] = []
        for start in range(0, len(self._words), _ENTRIES_A_CHUNK):
            different = self._words[start : start + _ENTRIES_A_CHUNK] ^ query
            distances = np.bitwise_count(different).sum(axis=1, dtype=np.int64)
            places = np.flatnonzero(is_match(distances, threshold_bits))
            near.extend((start + int(place), int(distances[place])) for place in places)
        return near


def _as_words(values: NDArray[np.uint8]) -> Words:
    """Return the values as 64-bit words, padded with zero bytes, which differ nowhere."""
    missing = -values.shape[1] % _WORD_BYTES
    padded = np.pad(values, ((0, 0), (0, missing))) if missing else values
    return np.ascontiguousarray(padded).view(np.uint64)
