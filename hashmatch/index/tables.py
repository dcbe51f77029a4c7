"""Tables of a Hamming segment, built from its rows, and the reach of a search in them.

Source: Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing",
2014.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .pieces import (
    BUCKET_BITS,
    KEYS_AT_ONCE,
    ball,
    choose_radii,
    key_widths,
    low_balls,
    piece_bounds,
    scan_cost,
    search_cost,
)
from .spool import Spool

if TYPE_CHECKING:
    from .kernels import Reach

# The tables of more rows than this go to the disk piece by piece.
_ROWS_IN_MEMORY = 1_000_000
Words: TypeAlias = NDArray[np.uint64]
Places: TypeAlias = NDArray[np.int64]


def make_tables(
    rows: Words, bits: int, number: int, scratch: Path | None = None
) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a `kernels.Table` for rows of `bits` bits in `number` pieces.

    The array `loads` has the expected rows for a key that a row has, by piece. With a folder for
    temporary files the large ones are mapped from there. Raises `IndexFolderError`.
    """
    from .kernels import count_keys, make_buckets

    pieces = np.zeros((number, 5), np.int64)
    loads = np.zeros(number)
    widths = key_widths(bits, number, len(rows)) if number else []
    folder = scratch if len(rows) > _ROWS_IN_MEMORY else None
    columns: dict[str, Spool[Any]] = {
        "buckets": Spool(np.uint64, folder),
        "slots": Spool(np.uint32, folder),
        "shared": Spool(np.uint32, folder),
    }
    for piece, (first, _) in enumerate(piece_bounds(bits, number) if number else []):
        counts = count_keys(rows, first, widths[piece])
        # A row does not count itself, since a query usually is not one of the rows.
        loads[piece] = max(len(rows) / len(counts), _mean_rows_per_key(counts) - 1)
        pieces[piece] = (first, widths[piece], *map(len, columns.values()))
        parts = make_buckets(rows, first, widths[piece], counts)
        for column, part in zip(columns.values(), parts, strict=True):
            column.append(cast("NDArray[Any]", part))
        del counts, parts  # Else there would be those of two pieces at a time.
    arrays = {name: column.array() for name, column in columns.items()}
    return {"pieces": pieces, "loads": loads, **arrays}


def make_reach(
    pieces: Places, loads: NDArray[np.float64], bits: int, rows: int, threshold_bits: int
) -> Reach | None:
    """Return the reach of a search, None if comparing every row is faster."""
    from .kernels import Reach

    if not len(pieces):
        return None
    widths = pieces[:, 1].tolist()
    radii = choose_radii(widths, loads.tolist(), threshold_bits)
    if search_cost(widths, loads.tolist(), radii) >= scan_cost(bits, rows):
        return None
    # Pieces of equal width and radius share their masks.
    balls = {
        (width, radius): ball(max(0, width - BUCKET_BITS), radius)
        for width, radius in zip(widths, radii, strict=True)
    }
    ends = np.cumsum([0, *map(len, balls.values())])
    firsts = dict(zip(balls, ends.tolist(), strict=False))
    reaches = [(firsts[key], len(balls[key]), key[1]) for key in zip(widths, radii, strict=True)]
    masks = np.concatenate(list(balls.values()))
    return Reach(masks, np.array(reaches, np.int64), _piece_masks(pieces, bits), low_balls())


def _mean_rows_per_key(counts: NDArray[np.uint32]) -> float:
    """Return the number of rows with the same key as a row, on average over all rows.

    Real hashes are unevenly distributed, so queries meet keys with more rows than the average key.
    """
    squares = total = 0.0
    for start in range(0, len(counts), KEYS_AT_ONCE):
        some = counts[start : start + KEYS_AT_ONCE].astype(np.float64)
        squares += float(some @ some)
        total += float(some.sum())
    return squares / total


def _piece_masks(pieces: Places, bits: int) -> Words:
    """Return masks with the bits of each piece's key set, of shape (pieces, words of a row)."""
    places = np.arange(-(-bits // 64) * 64)
    firsts, widths = pieces[:, :1], pieces[:, 1:2]
    is_in = (places >= firsts) & (places < firsts + widths)
    return np.packbits(is_in, axis=1, bitorder="little").view(np.uint64)
