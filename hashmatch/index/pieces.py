"""How hashes are cut into pieces, so that near ones agree nearly in some piece.

Two hashes within a threshold differ, in some piece i, by at most its radius r(i), if the radii are
chosen so that the sum of all r(i) + 1 is the threshold + 1: otherwise they would differ by more in
all. That is the general pigeonhole principle (Qin et al., "GPH: Similarity Search in Hamming
Space", 2018). So it is enough to compare a query with the rows whose key in some piece is within
that piece's radius, and nothing is missed.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import comb, exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What things cost, in units of one key looked up in its bucket (about 4 ns): a key that some row
# has, a row that is compared after its bucket led there, and a word of a row compared in order.
_FULL_KEY_COST = 4.0
_CANDIDATE_COST = 4.0
_SCANNED_WORD_COST = 0.08
# Of the tables, without the hashes and entries themselves.
_MOST_BYTES_A_ROW = 84.0
_WIDEST_KEY_BITS = 30
# So many times more keys than rows, as a power of two.
_SPARE_KEY_BITS = 3
_MOST_PIECES = 64


def key_widths(bits: int, pieces: int, rows: int) -> list[int]:
    """Return how many bits of each piece its key has: all of them, or as many as rows can fill."""
    widest = min(_WIDEST_KEY_BITS, rows.bit_length() + _SPARE_KEY_BITS)
    return [min(end - start, widest) for start, end in piece_bounds(bits, pieces)]


def piece_bounds(bits: int, pieces: int) -> list[tuple[int, int]]:
    """Return the first bit and the end of each piece."""
    cuts = [piece * bits // pieces for piece in range(pieces + 1)]
    return list(pairwise(cuts))


def best_number_of_pieces(bits: int, rows: int, threshold_bits: int) -> int:
    """Return into how many pieces to cut for the quickest search, 0 where a flat scan is quicker.

    It goes by even and independent bits, and by what memory the tables may take.
    """
    best, best_cost = 0, scan_cost(bits, rows)
    for pieces in range(1, min(_MOST_PIECES, bits, threshold_bits + 1) + 1):
        widths = key_widths(bits, pieces, rows)
        loads = [rows / 2**width for width in widths]
        if _bytes_a_row(widths, rows) > _MOST_BYTES_A_ROW:
            continue
        cost = search_cost(widths, loads, choose_radii(widths, loads, threshold_bits))
        if cost < best_cost:
            best, best_cost = pieces, cost
    return best


def choose_radii(widths: list[int], loads: list[float], threshold_bits: int) -> list[int]:
    """Return the radius of each piece, -1 where it need not be looked at, that together cost least.

    `loads` are the rows to expect for a key.
    """
    radii = [-1] * len(widths)
    for _ in range(threshold_bits + 1):
        cheapest = min(
            range(len(widths)),
            key=lambda piece: (
                comb(widths[piece], radii[piece] + 1) * _key_cost(loads[piece]),
                radii[piece],
            ),
        )
        radii[cheapest] += 1
    return radii


def search_cost(widths: list[int], loads: list[float], radii: list[int]) -> float:
    """Return what a search costs, in units of one key."""
    return sum(
        sum(comb(width, ones) for ones in range(radius + 1)) * _key_cost(load)
        for width, load, radius in zip(widths, loads, radii, strict=True)
    )


def scan_cost(bits: int, rows: int) -> float:
    """Return what comparing every row costs, in the same units."""
    return rows * -(-bits // 64) * _SCANNED_WORD_COST


@lru_cache(maxsize=64)
def ball(width: int, radius: int) -> NDArray[np.uint32]:
    """Return all masks of `width` bits with up to `radius` of them set, in order."""
    shell = np.zeros(1, np.uint32)
    shells = [shell]
    powers = [1 << bit for bit in range(width)]
    for _ in range(min(radius, width)):
        # Each mask with one bit more above its highest: those below a power of two come first.
        shell = np.concatenate(
            [shell[: np.searchsorted(shell, one)] | np.uint32(one) for one in powers]
        )
        shells.append(shell)
    return np.sort(np.concatenate(shells)) if radius >= 0 else np.zeros(0, np.uint32)


def deal_bits(sample: NDArray[np.integer[Any]], pieces: int) -> NDArray[np.int64]:
    """Return the order in which to lay the bits, so that the pieces tell real hashes apart.

    `sample` has the shape (hashes, bits). Bits that say the same are dealt to different pieces, and
    so are bits that are nearly always the same; in a piece, those that say most come first.
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
    for bit in np.argsort(-alike.sum(axis=0), kind="stable"):
        costs = np.where(room > 0, added[:, bit] - room * 1e-6, np.inf)
        piece = int(costs.argmin())
        members[piece].append(int(bit))
        room[piece] -= 1
        added[piece] += alike[bit]
    return np.array(
        [bit for some in members for bit in sorted(some, key=lambda bit: abs(leaning[bit]))],
        np.int64,
    )


def _key_cost(load: float) -> float:
    return 1 + _FULL_KEY_COST * min(1.0, load) + _CANDIDATE_COST * load


def _bytes_a_row(widths: list[int], rows: int) -> float:
    total = 0.0
    for width in widths:
        keys, load = 2.0**width, rows / 2.0**width
        full, alone = keys * (1 - exp(-load)), rows * exp(-load)
        # Two words for 64 keys, a slot for each full one, and lists with their lengths.
        total += keys / 4 + 4 * (full + rows - alone + full - alone)
    return total / rows
