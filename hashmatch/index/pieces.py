"""Pieces of hashes, cut so that hashes near each other nearly agree in at least one piece.

Two hashes within a threshold differ, in some piece i, by at most its radius r(i), if the radii are
chosen so that the sum of all r(i) + 1 is the threshold + 1: otherwise they would differ by more in
total. This is the general pigeonhole principle (Qin et al., "GPH: Similarity Search in Hamming
Space", 2018). So it is enough to compare a query with the rows whose key in some piece is within
the radius of that piece, and nothing is missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from math import comb, exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Costs in units of one bucket looked up (about 2 ns): of a key that some row has, of a row compared
# because its bucket led there, and of a word of a row compared in a scan.
_OCCUPIED_KEY_COST = 12.0
_CANDIDATE_COST = 12.0
_SCANNED_WORD_COST = 0.16
# The maximum size of the tables, without the hashes and entries themselves.
_MAX_BYTES_PER_ROW = 84.0
_MAX_KEY_BITS = 30
# The number of keys is at most about 2 to this power times the number of rows.
_SPARE_KEY_BITS = 3
_MAX_PIECES = 64
# A bucket has 64 keys, which differ in so many bits, the lowest.
BUCKET_BITS = 6
# There are many more keys than rows: of what is worked out for each of them, so many at a time.
KEYS_AT_ONCE = 1 << 20


def key_widths(bits: int, pieces: int, rows: int) -> list[int]:
    """Return the bits of each piece's key: all of the piece, or as many as the rows can fill."""
    widest = min(_MAX_KEY_BITS, rows.bit_length() + _SPARE_KEY_BITS)
    return [min(end - start, widest) for start, end in piece_bounds(bits, pieces)]


def piece_bounds(bits: int, pieces: int) -> list[tuple[int, int]]:
    """Return the first bit and the end of each piece."""
    cuts = [piece * bits // pieces for piece in range(pieces + 1)]
    return list(pairwise(cuts))


def best_number_of_pieces(bits: int, rows: int, shares: Mapping[int, float]) -> int:
    """Return the number of pieces for the fastest searches, 0 if a scan of all rows is faster.

    `shares` has the share of searches at each threshold in bits. The estimate assumes even and
    independent bits, and respects the memory limit of the tables.
    """
    # Measured with realistic hashes, in µs a query at 31 and at 40 bits: among 1 M, 27 and 110 in
    # 11 pieces, 44 and 165 in 12; among 10 M, 176 and 897 in 9, 149 and 660 in 10, 202 and 987 in
    # 11. No number of pieces was best at one distance and not at the other.
    scan = scan_cost(bits, rows)
    best, best_cost = 0, scan * sum(shares.values())
    for pieces in range(1, min(_MAX_PIECES, bits, min(shares) + 1) + 1):
        widths = key_widths(bits, pieces, rows)
        loads = [rows / 2**width for width in widths]
        if _bytes_per_row(widths, rows) > _MAX_BYTES_PER_ROW:
            continue
        cost = sum(
            share * min(scan, search_cost(widths, loads, choose_radii(widths, loads, threshold)))
            for threshold, share in shares.items()
        )
        if cost < best_cost:
            best, best_cost = pieces, cost
    return best


def choose_radii(widths: list[int], loads: list[float], threshold_bits: int) -> list[int]:
    """Return the radius of each piece for the lowest total cost, -1 for a piece to skip.

    `loads` are the expected rows per key.
    """
    radii = [-1] * len(widths)
    # Greedy: each step extends the radius of the piece in which that costs least.
    for _ in range(threshold_bits + 1):
        cheapest = min(
            range(len(widths)),
            key=lambda piece: (
                _shell_cost(widths[piece], loads[piece], radii[piece] + 1),
                radii[piece],
            ),
        )
        radii[cheapest] += 1
    return radii


def search_cost(widths: list[int], loads: list[float], radii: list[int]) -> float:
    """Return the cost of a search, in units of one bucket."""
    return sum(
        sum(_shell_cost(width, load, ones) for ones in range(radius + 1))
        for width, load, radius in zip(widths, loads, radii, strict=True)
    )


def scan_cost(bits: int, rows: int) -> float:
    """Return the cost of comparing every row, in the same units."""
    return rows * -(-bits // 64) * _SCANNED_WORD_COST


@lru_cache(maxsize=64)
def ball(width: int, radius: int) -> NDArray[np.uint32]:
    """Return all masks of `width` bits with up to `radius` of them set, in ascending order."""
    shell = np.zeros(1, np.uint32)
    shells = [shell]
    powers = [1 << bit for bit in range(width)]
    for _ in range(min(radius, width)):
        # Each mask gets one more bit above its highest: masks below a power of two come first.
        shell = np.concatenate(
            [shell[: np.searchsorted(shell, one)] | np.uint32(one) for one in powers]
        )
        shells.append(shell)
    return np.sort(np.concatenate(shells)) if radius >= 0 else np.zeros(0, np.uint32)


@lru_cache(maxsize=1)
def low_balls() -> NDArray[np.uint64]:
    """Return words of shape (64, 7): bits at the places within 0 to 6 bits of each place."""
    places = np.arange(1 << BUCKET_BITS, dtype=np.uint8)
    apart = np.bitwise_count(places[:, None] ^ places)
    within = apart[:, None, :] <= np.arange(BUCKET_BITS + 1)[:, None]
    return np.packbits(within, axis=2, bitorder="little").view(np.uint64)[:, :, 0]


def order_bits(sample: NDArray[np.integer[Any]], pieces: int) -> NDArray[np.int64]:
    """Return an order of the bits with which the pieces distinguish real hashes best.

    `sample` has the shape (hashes, bits). Correlated bits go to different pieces, and so do bits
    that are nearly always the same. In a piece, the most informative bits come first.
    """
    bits = sample.shape[1]
    leaning = 2 * sample.mean(axis=0) - 1
    centred = sample - sample.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0)) + 1e-9
    alike = (centred.T @ centred / max(1, len(sample)) / np.outer(deviation, deviation)) ** 2
    alike += np.outer(leaning**2, leaning**2)
    room = np.array([end - start for start, end in piece_bounds(bits, pieces)])
    members: list[list[int]] = [[] for _ in range(pieces)]
    added = np.zeros((pieces, bits))
    # Bits that resemble others most are placed first, each in the piece that it resembles least.
    for bit in np.argsort(-alike.sum(axis=0), kind="stable"):
        costs = np.where(room > 0, added[:, bit] - room * 1e-6, np.inf)
        piece = int(costs.argmin())
        members[piece].append(int(bit))
        room[piece] -= 1
        added[piece] += alike[bit]
    return np.array(
        [
            bit
            for piece_bits in members
            for bit in sorted(piece_bits, key=lambda bit: abs(leaning[bit]))
        ],
        np.int64,
    )


def _shell_cost(width: int, load: float, radius: int) -> float:
    """Return the cost of the keys at exactly that distance, with the buckets that they add."""
    per_key = _OCCUPIED_KEY_COST * min(1.0, load) + _CANDIDATE_COST * load
    return comb(max(0, width - BUCKET_BITS), radius) + comb(width, radius) * per_key


def _bytes_per_row(widths: list[int], rows: int) -> float:
    total = 0.0
    for width in widths:
        keys, load = 2.0**width, rows / 2.0**width
        full, alone = keys * (1 - exp(-load)), rows * exp(-load)
        # Two words for 64 keys, a slot for each full one, and lists with their lengths.
        total += keys / 4 + 4 * (full + rows - alone + full - alone)
    return total / rows
