"""Kernels of the Hamming index; import this module lazily, since it loads numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import loops
from .few import NearRows
from .pieces import KEYS_AT_ONCE

Words: TypeAlias = NDArray[np.uint64]
Places: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = NDArray[np.uint32]

# Most searches find fewer rows than this, and so run once.
_INITIAL_CAPACITY = 256


class Table(NamedTuple):
    """The buckets of all pieces, which map a key to the rows whose bits of that piece are the key.

    `pieces` has a row for each piece: its first bit, its width in bits, and the starts of its
    buckets, its slots and its shared slots. A bucket is a pair of words for 64 keys: a word with a
    bit for each key that any row has, and the number of such keys up to its end. Each such key has
    a slot with the place of its only row, or with the place of a list in `shared`, which starts
    with its length.
    """

    pieces: Places
    buckets: Words
    slots: Rows
    shared: Rows


class Reach(NamedTuple):
    """The buckets to look up in each piece: masks of the bits of their place to flip.

    `reaches` has a row for each piece: its first mask, the number of its masks, and the radius of
    its key, -1 if the piece is skipped. In `piece_masks`, the bits of each piece's key are set.
    `low_balls` has, for each place in a bucket, the places within 0 to 6 bits of it.
    """

    masks: Rows
    reaches: Places
    piece_masks: Words
    low_balls: Words


def search(
    queries: Words, rows: Words, table: Table, reach: Reach, threshold_bits: int
) -> NearRows:
    """Return each row within the threshold once; `reach` has to cover the threshold.

    `queries` and `rows` have the shape (number, words).
    """
    arguments = _read_only(
        queries, rows, table.buckets, table.slots, table.shared, table.pieces, *reach
    )
    return _collect(loops.search, arguments, threshold_bits)


def scan(queries: Words, columns: Words, threshold_bits: int) -> NearRows:
    """Return all rows within the threshold, by comparing every row.

    `columns` has the shape (words, rows).
    """
    return _collect(loops.scan, _read_only(queries, columns), threshold_bits)


def permute_bits(values: NDArray[np.uint8], table: Words) -> Words:
    """Return values of shape (number, bytes) as words, with their bits moved as in the table.

    `table` has the shape (bytes, 256, words): the bits that each value of each byte sets.
    """
    words = np.empty((len(values), table.shape[2]), np.uint64)
    loops.permute_bits(*_read_only(values, table), words)
    return words


def count_keys(rows: Words, first: int, width: int) -> Rows:
    """Return the number of rows with each key of `width` bits, of shape (2 ** width,)."""
    counts = np.zeros(1 << width, np.uint32)
    loops.count(*_read_only(rows), first, width, counts)
    return counts


def make_buckets(rows: Words, first: int, width: int, counts: Rows) -> tuple[Words, Rows, Rows]:
    """Return the buckets, slots and shared slots of one piece, see `Table`."""
    # A slot suffices for a key with one row. Several rows need a list with its length in front.
    parts = range(0, len(counts), KEYS_AT_ONCE)
    single = sum(int(np.count_nonzero(counts[at : at + KEYS_AT_ONCE] == 1)) for at in parts)
    used = int(np.count_nonzero(counts))
    buckets = np.empty(2 * max(1, len(counts) // 64), np.uint64)
    slots = np.empty(used, np.uint32)
    shared = np.empty(len(rows) - single + used - single, np.uint32)
    loops.lay_out(*_read_only(counts), buckets, slots, shared)
    loops.fill(*_read_only(rows), first, width, *_read_only(counts, buckets), slots, shared)
    return buckets, slots, shared


def _collect(kernel: Any, arguments: Sequence[Any], threshold_bits: int) -> NearRows:
    """Run a search, and run it again with room for everything if it finds more than fits."""
    capacity = _INITIAL_CAPACITY
    while True:
        near = NearRows(
            np.empty(capacity, np.int64),
            np.empty(capacity, np.uint32),
            np.empty(capacity, np.int64),
        )
        found = kernel(*arguments, threshold_bits, *near)
        if found <= capacity:
            return NearRows(near.queries[:found], near.rows[:found], near.distances_bits[:found])
        capacity = found


def _read_only(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """Return read-only views of the arrays, for which the kernels are compiled."""
    read_only = [np.ascontiguousarray(array).view() for array in arrays]
    for array in read_only:
        array.flags.writeable = False
    return read_only
