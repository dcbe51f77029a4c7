"""Hamming distances of many hashes at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
Distances: TypeAlias = NDArray[np.uint16]

# Words that are compared at once stay in the processor's cache.
_BLOCK_WORDS = 1 << 17


def words_of(values: Sequence[bytes]) -> Words:
    """Return hash values of one length as rows of 64-bit words, filled up with zeros.

    The shape is (values, words); at least one value is needed.
    """
    length = -(-len(values[0]) // 8) * 8
    joined = b"".join(one.ljust(length, b"\0") for one in values)
    return np.frombuffer(joined, np.uint64).reshape(len(values), -1)


def distances(query: Words, entries: Words) -> Distances:
    """Return the distance in bits of one hash, of shape (words,), to each of the entries."""
    bits: Distances = np.bitwise_count(entries ^ query).sum(axis=1, dtype=np.uint16)
    return bits


def smallest_distances(queries: Words, entries: Words) -> Distances:
    """Return for each entry the distance in bits to the nearest of the queries."""
    nearest = np.full(len(entries), np.iinfo(np.uint16).max, np.uint16)
    step = max(1, _BLOCK_WORDS // max(1, queries.size))
    for start in range(0, len(entries), step):
        part = entries[start : start + step]
        # One word at a time: an axis of four is slow to sum over.
        total = np.zeros((len(queries), len(part)), np.uint16)
        for word in range(queries.shape[1]):
            total += np.bitwise_count(queries[:, word, None] ^ part[None, :, word])
        nearest[start : start + step] = total.min(axis=0)
    return nearest
