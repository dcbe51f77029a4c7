"""Index interfaces: all entries of one algorithm within a distance of a query, exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashes import Algorithm

Keys: TypeAlias = NDArray[np.int64] | NDArray[np.int32]
# Hash values of shape (number, bytes).
Values: TypeAlias = NDArray[np.uint8]
# The complete content of a segment, by name, in the form in which it is written and mapped.
Arrays: TypeAlias = Mapping[str, NDArray[np.generic]]


class Neighbour(NamedTuple):
    """An entry within the requested distance of a query."""

    entry_key: int
    list_key: int
    distance_bits: int


class Hits(NamedTuple):
    """Neighbours of many queries, in columns, with the number of the query first."""

    queries: Keys
    entry_keys: Keys
    list_keys: Keys
    distances_bits: Keys


class Entries(NamedTuple):
    """Entries of one algorithm, in columns."""

    keys: Keys
    list_keys: Keys
    values: Values

    def where(self, chosen: NDArray[np.generic] | slice) -> Entries:
        """Return the chosen entries; `chosen` has places, a slice, or a boolean for each entry."""
        return Entries(self.keys[chosen], self.list_keys[chosen], self.values[chosen])


def join_entries(parts: Sequence[Entries]) -> Entries:
    """Return the entries of all parts, of which there must be at least one."""
    if len(parts) == 1:
        return parts[0]
    keys, list_keys, values = zip(*parts, strict=True)
    return Entries(np.concatenate(keys), np.concatenate(list_keys), np.concatenate(values))


class Index(ABC):
    """The active entries of one algorithm at one moment. Safe to query from many threads."""

    algorithm: Algorithm

    @abstractmethod
    def find(self, values: Values, threshold_bits: int) -> Hits:
        """Return every entry at `threshold_bits` or nearer to any of the values, in any order.

        `values` has the shape (queries, bytes of the algorithm).
        """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of entries."""

    def search(self, value: bytes, threshold_bits: int) -> list[Neighbour]:
        """Return every entry at `threshold_bits` or nearer, nearest first, then by key.

        Raises `ValueError` for a value that is not as long as the indexed ones.
        """
        return self.search_many([value], threshold_bits)[0]

    def search_many(self, values: Sequence[bytes], threshold_bits: int) -> list[list[Neighbour]]:
        """Return the result of `search` for each of the values."""
        length = self.algorithm.bits // 8
        for value in values:
            if len(value) != length:
                raise ValueError(f"a value of {len(value)} bytes where {length} were expected")
        queries = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), length)
        hits = self.find(queries, threshold_bits)
        order = np.lexsort((hits.entry_keys, hits.distances_bits))
        neighbours: list[list[Neighbour]] = [[] for _ in values]
        for query, *one in zip(*(column[order].tolist() for column in hits), strict=True):
            neighbours[query].append(Neighbour(*one))
        return neighbours


class Segment(Index):
    """An immutable set of entries, as a few arrays that can be written to a file and mapped again.

    `kind` identifies the subclass in files. A subclass derives all its answers from the arrays
    alone, and raises `ValueError` if they do not fit together.
    """

    kind: ClassVar[str]

    def __init__(self, algorithm: Algorithm, arrays: Arrays) -> None:
        self.algorithm = algorithm
        self.arrays = arrays

    @classmethod
    @abstractmethod
    def build(cls, algorithm: Algorithm, entries: Entries) -> Self:
        """Build a segment of the given entries."""

    @abstractmethod
    def entries(self) -> Entries:
        """Return the entries, in any order."""


def no_hits() -> Hits:
    """Return empty hits."""
    return Hits(*(np.zeros(0, np.int64) for _ in range(4)))


def narrow(numbers: Keys) -> NDArray[np.generic]:
    """Return numbers from 0 on in the smallest type that fits them all."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
