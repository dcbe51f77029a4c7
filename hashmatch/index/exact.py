"""Exact look-up of cryptographic hashes: a sorted array, searched by its first eight bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .interface import Index, Neighbour

_PREFIX_BYTES = 8


class ExactIndex(Index):
    """Finds only equal values, whatever the threshold."""

    def __init__(
        self,
        keys: Sequence[int],
        list_keys: Sequence[int],
        values: NDArray[np.uint8],
    ) -> None:
        # `values` has shape (entries, bytes). Big-endian prefixes sort as the values do.
        prefixes = np.ascontiguousarray(values[:, :_PREFIX_BYTES]).view(">u8").ravel()
        order = np.argsort(prefixes, kind="stable")
        self._prefixes = prefixes[order].astype(np.uint64)
        self._values = values[order]
        self._keys = np.asarray(keys, np.int64)[order]
        self._list_keys = np.asarray(list_keys, np.int64)[order]

    def __len__(self) -> int:
        return len(self._keys)

    def search(self, value: bytes, threshold_bits: int) -> list[Neighbour]:
        """Return every entry of the same value, by key."""
        if len(value) != self._values.shape[1]:
            raise ValueError(f"a value has {self._values.shape[1]} bytes here, not {len(value)}")
        prefix = np.uint64(int.from_bytes(value[:_PREFIX_BYTES], "big"))
        first = int(np.searchsorted(self._prefixes, prefix, side="left"))
        last = int(np.searchsorted(self._prefixes, prefix, side="right"))
        equal = (self._values[first:last] == np.frombuffer(value, np.uint8)).all(axis=1)
        found = np.flatnonzero(equal) + first
        return sorted(
            Neighbour(int(self._keys[place]), int(self._list_keys[place]), 0) for place in found
        )
