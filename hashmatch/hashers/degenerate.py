"""Degenerate hashes: values that plain areas, gradients and pictures of two tones have.

An entry with such a value would match whatever shows as little. The rules follow from how each
algorithm reads a picture, as a square of bits, row by row from the top left; tests draw the
pictures and compute their hashes:

- Every algorithm: all bits alike, half planes, or any stripes along or across. A plain picture, a
  gradient or an edge along the sides has one row that repeats, or rows of one value each.
- aHash and wHash say which parts are brighter than usual. A gradient or an edge in any direction
  has rows that are filled from one side, each at least as far as the row before, or at most.
- pHash compares frequencies with their median, so that half of its bits are set for a picture that
  has them all. Where fewer than a quarter differ from the median, there is one direction or none.

Plain pictures have other hashes, too, which are those of rounding errors and change with their
size: the quality gate is for those of PDQ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from hashmatch.hashes import Algorithm, Kind

_OF_BRIGHTNESS = frozenset({"ahash", "whash"})
_OF_FREQUENCIES = frozenset({"phash"})
_LEAST_SHARE = 0.25


def is_degenerate(algorithm: Algorithm, value: bytes) -> bool:
    """Say whether a hash is one that pictures have which show next to nothing.

    Exact hashes and vectors never are.
    """
    if algorithm.kind is not Kind.PERCEPTUAL:
        return False
    if algorithm.name in _OF_FREQUENCIES and not _is_balanced(value):
        return True
    size = _bytes_of_row(algorithm.bits)
    # Nearly all values end here.
    if size and value[:size] not in _filled_rows(size) and value[size : 2 * size] != value[:size]:
        return False
    if not size:  # Not a square of whole bytes: nothing is known of its rows.
        return value in (bytes(len(value)), b"\xff" * len(value))
    first = value[:size]
    if value == first * (len(value) // size):
        return True
    if first not in _filled_rows(size):
        return False
    rows = [value[start : start + size] for start in range(0, len(value), size)]
    return _are_uniform(rows, size) or (algorithm.name in _OF_BRIGHTNESS and _is_edge(rows, size))


def _is_balanced(value: bytes) -> bool:
    share = int.from_bytes(value).bit_count() / (8 * len(value))
    return _LEAST_SHARE <= share <= 1 - _LEAST_SHARE


@cache
def _bytes_of_row(bits: int) -> int:
    """Return the bytes of a row of a square of so many bits, 0 where there is no such square."""
    side = math.isqrt(bits)
    return side // 8 if side * side == bits and side % 8 == 0 else 0


def _are_uniform(rows: Sequence[bytes], size: int) -> bool:
    return set(rows) <= {bytes(size), b"\xff" * size}


def _is_edge(rows: Sequence[bytes], size: int) -> bool:
    """Say whether all rows are filled from one side, by ever more or ever less."""
    every = [_filled_rows(size).get(row) for row in rows]
    known = [one for one in every if one is not None]
    if len(known) < len(rows):
        return False
    for lengths in zip(*known, strict=True):
        steps = [after - before for before, after in pairwise(lengths)]
        if min(lengths) >= 0 and (min(steps) >= 0 or max(steps) <= 0):
            return True
    return False


@cache
def _filled_rows(size: int) -> dict[bytes, tuple[int, int]]:
    """Return the rows that are filled from one side, with the bits set from the left and right.

    The number is -1 where a row is not filled from that side.
    """
    bits = 8 * size
    rows: dict[bytes, tuple[int, int]] = {}
    for length in range(1, bits):
        rows[((1 << length) - 1 << (bits - length)).to_bytes(size)] = (length, -1)
        rows[((1 << length) - 1).to_bytes(size)] = (-1, length)
    rows[bytes(size)], rows[b"\xff" * size] = (0, 0), (bits, bits)
    return rows
