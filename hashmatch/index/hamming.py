"""Exact Hamming search by multi-index hashing: correct for any threshold, fast for small ones.

Each hash is cut into pieces (see `pieces`), and each piece has a table from keys to the rows that
have them (see `tables`). A query looks up all keys near its own and compares the rows found there.
If that would take longer than comparing every row, every row is compared.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hashmatch.hashes import Algorithm

from . import few
from .interface import Arrays, Entries, Hits, Keys, Segment, Values, narrow, no_hits
from .pieces import best_number_of_pieces, order_bits
from .tables import make_reach, make_tables

if TYPE_CHECKING:
    from .few import NearRows
    from .kernels import Reach, Table

Words: TypeAlias = NDArray[np.uint64]
_Number = TypeVar("_Number", bound=np.generic)

_WORD_BITS = 64
_SAMPLE_SIZE = 20_000
# Of the hashes of an image, six of 36 to 110 are looked up as far as anything is near.
_NEAR_SHARE = 0.1
# Fewer queries than this are not worth a second thread.
_MIN_QUERIES_PER_THREAD = 64
_THREADS = os.cpu_count() or 1
_ROWS_AT_ONCE = 1 << 16


class HammingSegment(Segment):
    """A segment of perceptual hashes of any number of bytes; equal values share a row."""

    kind: ClassVar = "hamming"

    def __init__(self, algorithm: Algorithm, arrays: Arrays) -> None:
        super().__init__(algorithm, arrays)
        self._rows = _typed(arrays["rows"], np.uint64)
        # The bit of a value that is stored as each bit of a row, both counted from a byte's lowest.
        self._order = _typed(arrays["order"], np.int64)
        # The first entry of each row, and the end of the last; empty if each row has one entry.
        self._starts = arrays["starts"]
        self._entry_keys, self._list_keys = arrays["entry_keys"], arrays["list_keys"]
        self._permutation = _permutation(self._order, algorithm.bits)
        # By threshold, since policies use few different ones.
        self._reaches: dict[int, Reach | None] = {}

    @classmethod
    def build(cls, algorithm: Algorithm, entries: Entries, scratch: Path | None = None) -> Self:
        """Build a segment that is fastest for thresholds near the algorithm's usual ones."""
        bits, count = algorithm.bits, len(entries.keys)
        usual_bits = algorithm.threshold_bits
        if usual_bits is None:  # Matched only where a policy asks for it, and then at few bits.
            usual_bits = bits // 16
        shares = {usual_bits: 1.0}
        if algorithm.review_bits is not None:
            shares[algorithm.review_bits] = _NEAR_SHARE
        number = best_number_of_pieces(bits, count, shares)
        order = np.arange(bits)
        if number:
            sample = entries.values[:: -(-count // _SAMPLE_SIZE)]
            order = order_bits(np.unpackbits(sample, axis=1, bitorder="little"), number)
        rows = _permuted(entries.values, _permutation(order, bits), in_place=scratch is not None)
        by_value = _order_by_value(rows)
        rows = _moved(rows, by_value)
        is_new = np.ones(count, np.bool_)
        is_new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
        starts = np.zeros(0, np.int64)
        if not is_new.all():
            places = np.flatnonzero(is_new)
            rows, starts = _moved(rows, places), np.append(places, count)
        columns = {
            "rows": rows,
            "order": order,
            "starts": narrow(starts),
            "entry_keys": narrow(entries.keys[by_value]),
            "list_keys": narrow(entries.list_keys[by_value]),
        }
        del by_value, is_new  # The tables take as much again.
        return cls(algorithm, {**columns, **make_tables(rows, bits, number, scratch)})

    def __len__(self) -> int:
        return len(self._entry_keys)

    def find(self, values: Values, threshold_bits: int) -> Hits:
        """Return every entry within the threshold, using threads for many queries."""
        if len(values) and few.are_few(len(values), len(self._rows)):
            near = few.scan(few.permute_bits(values, self._permutation), self._rows, threshold_bits)
            return self._hits(near, 0)
        from .kernels import permute_bits

        queries = permute_bits(values, self._permutation)
        parts = min(_THREADS, len(queries) // _MIN_QUERIES_PER_THREAD)
        if parts < 2:
            return self._hits(self._near(queries, threshold_bits), 0)
        cuts = [part * len(queries) // parts for part in range(parts + 1)]
        # The kernels run without Python's global lock, so the threads run in parallel.
        with ThreadPoolExecutor(parts) as threads:
            found = threads.map(
                lambda start, end: self._near(queries[start:end], threshold_bits),
                cuts[:-1],
                cuts[1:],
            )
            hits = [self._hits(near, start) for near, start in zip(found, cuts, strict=False)]
        return Hits(*(np.concatenate(columns) for columns in zip(*hits, strict=True)))

    def entries(self) -> Entries:
        """Return the entries in the order of their rows."""
        from .kernels import permute_bits

        bits = self.algorithm.bits
        # The inverse order restores the values.
        back = _permutation(np.argsort(self._order), bits)
        values = permute_bits(self._rows.view(np.uint8)[:, : bits // 8], back).view(np.uint8)
        values = values[:, : bits // 8]
        if len(self._starts):
            values = np.repeat(values, np.diff(_as_int64(self._starts)), axis=0)
        return Entries(_as_int64(self._entry_keys), _as_int64(self._list_keys), values)

    def _near(self, queries: Words, threshold_bits: int) -> NearRows:
        from .kernels import scan, search

        reach = self._reach(threshold_bits)
        if reach is None:
            return scan(queries, self._columns, threshold_bits)
        return search(queries, self._rows, self._table, reach, threshold_bits)

    @cached_property
    def _columns(self) -> Words:
        """The rows of a segment that is small enough for scans, by words."""
        return np.ascontiguousarray(self._rows.T)

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

    def _hits(self, near: NearRows, first_query: int) -> Hits:
        """Return the entries of the rows found."""
        if not len(near.rows):
            return no_hits()
        places, distances = _as_int64(near.rows), near.distances_bits
        rows, queries = places, near.queries + first_query
        if len(self._starts):
            first = _as_int64(self._starts[places])
            counts = _as_int64(self._starts[places + 1]) - first
            places = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
            queries, distances = np.repeat(queries, counts), np.repeat(distances, counts)
            rows = _as_int64(np.repeat(rows, counts))
        return Hits(
            queries,
            _as_int64(self._entry_keys[places]),
            _as_int64(self._list_keys[places]),
            distances,
            rows,
        )


def load_loops() -> None:
    """Load the compiled loops, for a process that is going to look up much."""
    from . import kernels  # noqa: F401


def _permutation(order: NDArray[np.int64], bits: int) -> Words:
    """Return the table for `kernels.permute_bits` that moves bit `order[i]` of a value to bit i.

    It has a word for each value of a byte, which is much faster than moving single bits.
    """
    table = np.zeros((bits // 8, 256, -(-bits // _WORD_BITS)), np.uint64)
    of_byte = np.arange(256, dtype=np.uint64)
    for target, source in enumerate(order.tolist()):
        byte, bit = divmod(source, 8)
        word, place = divmod(target, _WORD_BITS)
        table[byte, :, word] |= (of_byte >> np.uint64(bit) & np.uint64(1)) << np.uint64(place)
    return table


def _permuted(values: Values, table: Words, *, in_place: bool) -> Words:
    """Return the rows of values, in their memory where that is allowed and they fill words."""
    from .kernels import permute_bits

    is_possible = values.flags.writeable and values.flags.c_contiguous and values.flags.aligned
    if not in_place or not is_possible or values.shape[1] % table.itemsize:
        return permute_bits(values, table)
    rows = values.view(np.uint64)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        rows[some] = permute_bits(values[some], table)
    return rows


def _moved(rows: Words, places: NDArray[np.intp]) -> Words:
    """Return the rows at some places, in their own memory."""
    # Word by word, so that a copy is never more than a part of them.
    for word in range(rows.shape[1]):
        rows[: len(places), word] = rows[places, word]
    return rows[: len(places)]


def _order_by_value(rows: Words) -> NDArray[np.intp]:
    """Return an order in which equal rows are next to each other."""
    order = np.argsort(rows[:, 0])
    heads = rows[order, 0]
    # Rows with equal first words, which are few among real hashes, are sorted by all their words.
    alike = np.zeros(len(rows), np.bool_)
    alike[1:] = heads[1:] == heads[:-1]
    alike[:-1] |= alike[1:].copy()
    places = np.flatnonzero(alike)
    if len(places) and rows.shape[1] > 1:
        chosen = order[places]
        order[places] = chosen[np.lexsort(rows[chosen].T[::-1])]
    return order


def _as_int64(numbers: NDArray[np.generic]) -> Keys:
    return numbers.astype(np.int64)


def _typed(array: NDArray[np.generic], kind: type[_Number]) -> NDArray[_Number]:
    """Return the array with its type checked. Raises `ValueError` for another type."""
    if array.dtype != kind:
        raise ValueError(f"an array of {array.dtype} where {kind.__name__} was expected")
    return cast("NDArray[_Number]", array)
