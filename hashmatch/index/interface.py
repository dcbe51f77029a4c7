"""Index interfaces: all entries of one algorithm within a distance of a query, exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
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
    """An entry within the requested distance of a query.

    `others` are keys of further entries of its list that share its value, where they were asked for
    as one.
    """

    entry_key: int
    list_key: int
    distance_bits: int
    others: tuple[int, ...] = ()


class Hits(NamedTuple):
    """Neighbours of many queries, in columns, with the number of the query first.

    Entries with the same number in `rows` share their value.
    """

    queries: Keys
    entry_keys: Keys
    list_keys: Keys
    distances_bits: Keys
    rows: Keys


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
        """Return the result of `search` for each of the values; equal ones get the same list."""
        return self._for_each(values, threshold_bits, _by_query)

    def search_distinct(
        self, values: Sequence[bytes], threshold_bits: int
    ) -> list[list[Neighbour]]:
        """Return as `search_many` does, but the entries of a list that share a value as one.

        It is the first of them, with the others. Those that came at different times may be two.
        """
        return self._for_each(values, threshold_bits, _shared_by_query)

    def _for_each(
        self,
        values: Sequence[bytes],
        threshold_bits: int,
        group: Callable[[int, Hits], list[list[Neighbour]]],
    ) -> list[list[Neighbour]]:
        # Each value once: a thousand uploads of a picture that thousands of entries have would
        # find millions.
        places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        found = group(len(places), self._find(list(places), threshold_bits))
        return [found[places[value]] for value in values]

    def _find(self, values: Sequence[bytes], threshold_bits: int) -> Hits:
        length = self.algorithm.bits // 8
        for value in values:
            if len(value) != length:
                raise ValueError(f"a value of {len(value)} bytes where {length} were expected")
        queries = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), length)
        return self.find(queries, threshold_bits)


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
    def build(cls, algorithm: Algorithm, entries: Entries, scratch: Path | None = None) -> Self:
        """Build a segment of the given entries.

        With a folder for temporary files it may keep large arrays there, and use the memory of the
        entries' values for its own: of millions of them there is not room for many copies.
        """

    @abstractmethod
    def entries(self) -> Entries:
        """Return the entries, in any order."""


_NO_HITS = Hits(*(np.zeros(0, np.int64) for _ in Hits._fields))


def no_hits() -> Hits:
    """Return empty hits."""
    return _NO_HITS


def _by_query(number: int, hits: Hits) -> list[list[Neighbour]]:
    """Return the neighbours of each query, nearest first, then by key."""
    neighbours: list[list[Neighbour]] = [[] for _ in range(number)]
    if not len(hits.queries):  # As of nearly all images.
        return neighbours
    order = np.lexsort((hits.entry_keys, hits.distances_bits))
    columns = (hits.queries, hits.entry_keys, hits.list_keys, hits.distances_bits)
    for query, *one in zip(*(column[order].tolist() for column in columns), strict=True):
        neighbours[query].append(Neighbour(*one))
    return neighbours


def _shared_by_query(number: int, hits: Hits) -> list[list[Neighbour]]:
    """Return the neighbours of each query in the same order, with those that share their value."""
    if len(hits.queries) < 2:
        return _by_query(number, hits)
    order = np.lexsort((hits.entry_keys, hits.list_keys, hits.rows, hits.queries))
    hits = Hits(*(column[order] for column in hits))
    is_first = np.ones(len(order), np.bool_)
    places = (hits.queries, hits.rows, hits.list_keys)
    is_first[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in places])
    starts = np.flatnonzero(is_first)
    firsts = _by_query(number, Hits(*(column[starts] for column in hits)))
    if len(starts) == len(order):
        return firsts
    # Many queries may find the same thousands of entries.
    others = dict[int, tuple[int, ...]]()
    for start, end in pairwise([*starts.tolist(), len(order)]):
        if end > start + 1 and (key := int(hits.entry_keys[start])) not in others:
            others[key] = tuple(hits.entry_keys[start + 1 : end].tolist())
    return [[one._replace(others=others.get(one.entry_key, ())) for one in own] for own in firsts]


def narrow(numbers: Keys) -> NDArray[np.generic]:
    """Return numbers from 0 on in the smallest type that fits them all."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
