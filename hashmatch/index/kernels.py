"""What the Hamming index computes: import this lazily, since it loads numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import loops

Words: TypeAlias = NDArray[np.uint64]
Places: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = NDArray[np.uint32]

# Most searches find fewer rows than this.
_FIRST_ROOM = 256


class Table(NamedTuple):
    """The buckets of all pieces, of which each gives the rows whose bits of that piece are a key.

    `pieces` has a line for each piece: its first bit, its width in bits, and where its buckets, its
    slots and its shared slots begin. Buckets are pairs of a word with a bit for each of 64 keys
    that any row has, and the number of such keys up to its end. For each of these there is a slot
    with the place of its only row, or with that of a list in `shared`, which begins with its
    length.
    """

    pieces: Places
    buckets: Words
    slots: Rows
    shared: Rows


class Reach(NamedTuple):
    """How far to look in each piece: which bits of its key to turn, and up to how many.

    `reaches` has a line for each piece: its first mask, the number of its masks, and its radius, -1
    where it is left out. `piece_masks` has the bits of each piece's key set.
    """

    masks: Rows
    reaches: Places
    piece_masks: Words


class Near(NamedTuple):
    """Rows near queries: for each find the number of the query, the row and their distance."""

    queries: Places
    rows: Rows
    distances_bits: Places


def search(queries: Words, rows: Words, table: Table, reach: Reach, threshold_bits: int) -> Near:
    """Return all rows within the threshold, which the reach has to cover, each of them once.

    `queries` and `rows` have the shape (number, words).
    """
    arguments = _readable(
        queries, rows, table.buckets, table.slots, table.shared, table.pieces, *reach
    )
    return _collected(loops.search, arguments, threshold_bits)


def scan(queries: Words, rows: Words, threshold_bits: int) -> Near:
    """Return all rows within the threshold by comparing each of them."""
    return _collected(loops.scan, _readable(queries, rows), threshold_bits)


def deal(values: NDArray[np.uint8], table: Words) -> Words:
    """Return values of shape (number, bytes) as words, with each byte's bits where the table says.

    `table` has the shape (bytes, 256, words).
    """
    words = np.empty((len(values), table.shape[2]), np.uint64)
    loops.deal(*_readable(values, table), words)
    return words


def count_keys(rows: Words, first: int, width: int) -> Rows:
    """Return how many rows have each key of `width` bits, of shape (2 ** width,)."""
    counts = np.zeros(1 << width, np.uint32)
    loops.count(*_readable(rows), first, width, counts)
    return counts


def fill_buckets(rows: Words, first: int, width: int, counts: Rows) -> tuple[Words, Rows, Rows]:
    """Return buckets, slots and shared slots of one piece; see `Table`."""
    several = counts > 1
    buckets = np.empty(2 * max(1, len(counts) // 64), np.uint64)
    slots = np.empty(int(np.count_nonzero(counts)), np.uint32)
    shared = np.empty(int(counts[several].sum() + np.count_nonzero(several)), np.uint32)
    loops.lay_out(*_readable(counts), buckets, slots, shared)
    loops.fill(*_readable(rows), first, width, *_readable(counts, buckets), slots, shared)
    return buckets, slots, shared


def _collected(kernel: Any, arguments: Sequence[Any], threshold_bits: int) -> Near:
    """Run a search, again with more room where it finds more than fits."""
    room = _FIRST_ROOM
    while True:
        near = Near(np.empty(room, np.int64), np.empty(room, np.uint32), np.empty(room, np.int64))
        found = kernel(*arguments, threshold_bits, *near)
        if found <= room:
            return Near(near.queries[:found], near.rows[:found], near.distances_bits[:found])
        room = found


def _readable(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the arrays as ones that may not be written, which is what numba compiles for."""
    readable = [np.ascontiguousarray(array).view() for array in arrays]
    for array in readable:
        array.flags.writeable = False
    return readable
