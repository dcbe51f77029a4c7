"""Kernels of PDQ; import this module lazily, since it loads numba."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashmatch.jit import compiled

Pixels: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.int64]

# Pixels of a row that are summed at a time, so that the sums stay in the first-level cache.
_BLOCK = 2048
# Rows that are contiguous in memory, and rows of any other layout, which are slower.
_ROWS_SIGNATURES = [
    f"void(Array(uint8, 2, '{layout}', readonly=True), int64[::1], int64[::1], float32[:, ::1],"
    " float32[:, ::1])"
    for layout in "CA"
]


def weigh_rows(lines: Pixels, firsts: Places, lengths: Places, weights: Floats) -> Floats:
    """Return weighted sums of runs of rows, of shape (runs, values of a row).

    `lines` has the shape (rows, values), in any strides. Run i begins at row `firsts[i]` and weighs
    `lengths[i]` rows with the first of `weights[i]`.
    """
    sums = np.empty((len(firsts), lines.shape[1]), np.float32)
    # The signatures are for read-only arrays, so writable pixels need a read-only view.
    read_only = lines.view()
    read_only.flags.writeable = False
    _weigh_rows(read_only, firsts, lengths, weights, sums)
    return sums


def weigh_columns(rows: Floats, firsts: Places, lengths: Places, weights: Floats) -> Floats:
    """Return weighted sums of runs of columns, of shape (rows, runs); see `weigh_rows`."""
    sums = np.empty((len(rows), len(firsts)), np.float32)
    _weigh_columns(rows, firsts, lengths, weights, sums)
    return sums


def sum_gradients(pictures: Floats) -> Places:
    """Return the steps between neighbouring pixels of each picture, in whole percents of 255.

    `pictures` has the shape (number, height, width). Each step is truncated before they are added
    up, as in PDQ's reference.
    """
    sums = np.empty(len(pictures), np.int64)
    _sum_gradients(np.ascontiguousarray(pictures), sums)
    return sums


# Four rows at a time: the sums are then read and written a quarter as often. One row at a time
# took 1.4 times as long for a picture of 12 megapixels, and numpy's products of bands 6.9 times.
@compiled(*_ROWS_SIGNATURES)
def _weigh_rows(
    lines: Pixels, firsts: Places, lengths: Places, weights: Floats, sums: Floats
) -> None:
    for run in range(len(firsts)):
        for start in range(0, lines.shape[1], _BLOCK):
            stop = min(start + _BLOCK, lines.shape[1])
            block = sums[run, start:stop]
            block[:] = np.float32(0)
            at, end = firsts[run], firsts[run] + lengths[run]
            place = 0
            while at + 4 <= end:
                one, two = lines[at, start:stop], lines[at + 1, start:stop]
                three, four = lines[at + 2, start:stop], lines[at + 3, start:stop]
                w_one, w_two = weights[run, place], weights[run, place + 1]
                w_three, w_four = weights[run, place + 2], weights[run, place + 3]
                for x in range(stop - start):
                    block[x] += (
                        w_one * np.float32(one[x])
                        + w_two * np.float32(two[x])
                        + w_three * np.float32(three[x])
                        + w_four * np.float32(four[x])
                    )
                at += 4
                place += 4
            while at < end:
                line, weight = lines[at, start:stop], weights[run, place]
                for x in range(stop - start):
                    block[x] += weight * np.float32(line[x])
                at += 1
                place += 1


# Reordering of sums is permitted, without which the compiler could not vectorise them. A product
# with the complete matrix of weights, nearly all of them zeros, took four times as long at 512
# pixels.
@compiled(
    "void(float32[:, ::1], int64[::1], int64[::1], float32[:, ::1], float32[:, ::1])",
    fastmath={"reassoc", "contract"},
)
def _weigh_columns(
    rows: Floats, firsts: Places, lengths: Places, weights: Floats, sums: Floats
) -> None:
    for row in range(rows.shape[0]):
        for run in range(len(firsts)):
            first, length = firsts[run], lengths[run]
            values, factors = rows[row, first : first + length], weights[run, :length]
            total = np.float32(0)
            for place in range(length):
                total += values[place] * factors[place]
            sums[row, run] = total


# Numpy took twenty times as long, as it stores each of the steps four times.
@compiled("void(float32[:, :, ::1], int64[::1])")
def _sum_gradients(pictures: NDArray[np.float32], sums: Places) -> None:
    height, width = pictures.shape[1:]
    for number in range(pictures.shape[0]):
        total = np.int32(0)
        for y in range(height):
            line = pictures[number, y]
            for x in range(width - 1):
                step = abs(line[x] - line[x + 1]) * np.float32(100) / np.float32(255)
                total += np.int32(step)
            if y + 1 < height:
                after = pictures[number, y + 1]
                for x in range(width):
                    step = abs(line[x] - after[x]) * np.float32(100) / np.float32(255)
                    total += np.int32(step)
        sums[number] = total
