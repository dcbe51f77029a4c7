"""Few look-ups: by numpy alone, for a process that ends before compiled loops are worth loading.

Loading them takes 0.7 s of processor time. Here a hundred queries take 0.1 s at 100,000 rows.
"""

from __future__ import annotations

import sys
import threading
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashes import is_match

Words: TypeAlias = NDArray[np.uint64]

_LOOPS = f"{__package__}.loops"
# From there on, in one process, the loops are loaded: so many look-ups, or comparisons of rows.
_MAX_LOOKUPS, _MAX_COMPARISONS = 8, 10_000_000


class NearRows(NamedTuple):
    """Rows near queries, in columns: the number of the query, the row and their distance."""

    queries: NDArray[np.int64]
    rows: NDArray[np.uint32]
    distances_bits: NDArray[np.int64]


class _Spent:
    """Look-ups and comparisons that this process has done without the loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lookups = self._comparisons = 0

    def take(self, comparisons: int) -> bool:
        """Say whether so many more are few, and count them then."""
        with self._lock:
            if self._lookups >= _MAX_LOOKUPS or self._comparisons + comparisons > _MAX_COMPARISONS:
                return False
            self._lookups += 1
            self._comparisons += comparisons
            return True


_spent = _Spent()


def are_few(queries: int, rows: int) -> bool:
    """Say whether a look-up should do without the loops, which are not loaded yet."""
    return _LOOPS not in sys.modules and _spent.take(queries * rows)


def permute_bits(values: NDArray[np.uint8], table: Words) -> Words:
    """Return values as words, with their bits moved; see `kernels.permute_bits`."""
    words: Words = np.bitwise_or.reduce(table[np.arange(values.shape[1]), values], axis=1)
    return words


def scan(queries: Words, rows: Words, threshold_bits: int) -> NearRows:
    """Return all rows within the threshold, by comparing every row; see `kernels.scan`."""
    parts = []
    for number, query in enumerate(queries):
        distances = np.bitwise_count(rows ^ query).sum(axis=1, dtype=np.int64)
        near = np.flatnonzero(is_match(distances, threshold_bits))
        parts.append((np.full(len(near), number), near.astype(np.uint32), distances[near]))
    return NearRows(*(np.concatenate(column) for column in zip(*parts, strict=True)))
