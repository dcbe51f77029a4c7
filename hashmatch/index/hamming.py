"""Exact Hamming search by multi-index hashing: right for any threshold, quick for small ones.

Each hash is cut into pieces (see `pieces`), and each piece has a table from keys to the rows that
have them (see `tables`). A query looks at all keys near its own and compares the rows that it finds
there. Where that would take longer than comparing every row, every row is compared.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashes import Algorithm

from .interface import Arrays, Entries, Hits, Keys, Segment, Values, compact, no_hits
from .pieces import best_number_of_pieces, deal_bits
from .tables import make_reach, make_tables

if TYPE_CHECKING:
    from .kernels import Near, Reach, Table

Words: TypeAlias = NDArray[np.uint64]
_Number = TypeVar("_Number", bound=np.generic)

_WORD_BITS = 64
_SAMPLED = 20_000
# Fewer queries than this are not worth a second thread.
_QUERIES_A_THREAD = 64
_THREADS = os.cpu_count() or 1


class HammingSegment(Segment):
    """Perceptual hashes of any whole number of bytes. Entries of one value share a row."""

    kind: ClassVar = "hamming"

    def __init__(self, algorithm: Algorithm, arrays: Arrays) -> None:
        super().__init__(algorithm, arrays)
        self._rows = _typed(arrays["rows"], np.uint64)
        # Which bit of a value each bit of a row is, where both count from a byte's lowest bit on.
        self._order = _typed(arrays["order"], np.int64)
        # Where the entries of each row begin, and the last one's end; nothing where each has one.
        self._starts = arrays["starts"]
        self._entry_keys, self._list_keys = arrays["entry_keys"], arrays["list_keys"]
        self._dealing = _dealing(self._order, algorithm.bits)
        self._reaches: dict[int, Reach | None] = {}

    @classmethod
    def build(cls, algorithm: Algorithm, entries: Entries) -> Self:
        """Lay the entries out for thresholds about the algorithm's own."""
        from .kernels import deal

        bits, count = algorithm.bits, len(entries.keys)
        number = best_number_of_pieces(bits, count, algorithm.threshold_bits)
        order = np.arange(bits)
        if number:
            sample = entries.values[:: -(-count // _SAMPLED)]
            order = deal_bits(np.unpackbits(sample, axis=1, bitorder="little"), number)
        rows = deal(entries.values, _dealing(order, bits))
        by_value = _order_by_value(rows)
        rows = rows[by_value]
        is_new = np.ones(count, np.bool_)
        is_new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
        starts = np.zeros(0, np.int64)
        if not is_new.all():
            rows, starts = rows[is_new], np.append(np.flatnonzero(is_new), count)
        return cls(
            algorithm,
            {
                "rows": rows,
                "order": order,
                "starts": compact(starts),
                "entry_keys": compact(entries.keys[by_value]),
                "list_keys": compact(entries.list_keys[by_value]),
                **make_tables(rows, bits, number),
            },
        )

    def __len__(self) -> int:
        return len(self._entry_keys)

    def find(self, values: Values, threshold_bits: int) -> Hits:
        """Return every entry within the threshold; many queries are spread over threads."""
        from .kernels import deal

        queries = deal(values, self._dealing)
        parts = min(_THREADS, len(queries) // _QUERIES_A_THREAD)
        if parts < 2:
            return self._hits(self._near(queries, threshold_bits), 0)
        cuts = [part * len(queries) // parts for part in range(parts + 1)]
        with ThreadPoolExecutor(parts) as threads:
            found = threads.map(
                lambda start, end: self._near(queries[start:end], threshold_bits),
                cuts[:-1],
                cuts[1:],
            )
            hits = [self._hits(near, start) for near, start in zip(found, cuts, strict=False)]
        return Hits(*(np.concatenate(columns) for columns in zip(*hits, strict=True)))

    def entries(self) -> Entries:
        """Return the entries by row."""
        from .kernels import deal

        bits = self.algorithm.bits
        back = _dealing(np.argsort(self._order), bits)
        values = deal(self._rows.view(np.uint8)[:, : bits // 8], back).view(np.uint8)
        values = values[:, : bits // 8]
        if len(self._starts):
            values = np.repeat(values, np.diff(_long(self._starts)), axis=0)
        return Entries(_long(self._entry_keys), _long(self._list_keys), values)

    def _near(self, queries: Words, threshold_bits: int) -> Near:
        from .kernels import scan, search

        reach = self._reach(threshold_bits)
        if reach is None:
            return scan(queries, self._rows, threshold_bits)
        return search(queries, self._rows, self._table, reach, threshold_bits)

    @cached_property
    def _table(self) -> Table:
        from .kernels import Table

        return Table(*(cast("NDArray[Any]", self.arrays[name]) for name in Table._fields))

    def _reach(self, threshold_bits: int) -> Reach | None:
        if threshold_bits not in self._reaches:
            pieces = _typed(self.arrays["pieces"], np.int64)
            loads = _typed(self.arrays["loads"], np.float64)
            self._reaches[threshold_bits] = make_reach(
                pieces, loads, self.algorithm.bits, len(self._rows), threshold_bits
            )
        return self._reaches[threshold_bits]

    def _hits(self, near: Near, first_query: int) -> Hits:
        """Return the entries of the rows that were found."""
        if not len(near.rows):
            return no_hits()
        places, distances = _long(near.rows), near.distances_bits
        queries = near.queries + first_query
        if len(self._starts):
            first = _long(self._starts[places])
            counts = _long(self._starts[places + 1]) - first
            places = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
            queries, distances = np.repeat(queries, counts), np.repeat(distances, counts)
        return Hits(
            queries, _long(self._entry_keys[places]), _long(self._list_keys[places]), distances
        )


def _dealing(order: NDArray[np.int64], bits: int) -> Words:
    """Return the table for `kernels.deal` which lays bit `order[i]` of a value at place i."""
    table = np.zeros((bits // 8, 256, -(-bits // _WORD_BITS)), np.uint64)
    of_byte = np.arange(256, dtype=np.uint64)
    for target, source in enumerate(order.tolist()):
        byte, bit = divmod(source, 8)
        word, place = divmod(target, _WORD_BITS)
        table[byte, :, word] |= (of_byte >> np.uint64(bit) & np.uint64(1)) << np.uint64(place)
    return table


def _order_by_value(rows: Words) -> NDArray[np.intp]:
    """Return an order in which equal rows follow each other."""
    order = np.argsort(rows[:, 0])
    heads = rows[order, 0]
    # Those that begin alike, which are few among real hashes, are put in order by all their words.
    alike = np.zeros(len(rows), np.bool_)
    alike[1:] = heads[1:] == heads[:-1]
    alike[:-1] |= alike[1:].copy()
    places = np.flatnonzero(alike)
    if len(places) and rows.shape[1] > 1:
        some = order[places]
        order[places] = some[np.lexsort(rows[some].T[::-1])]
    return order


def _long(numbers: NDArray[np.generic]) -> Keys:
    return numbers.astype(np.int64)


def _typed(array: NDArray[np.generic], kind: type[_Number]) -> NDArray[_Number]:
    """Return the array, which has to be of that type. Raises `ValueError`."""
    if array.dtype != kind:
        raise ValueError(f"an array of {array.dtype} where {kind.__name__} was expected")
    return cast("NDArray[_Number]", array)
