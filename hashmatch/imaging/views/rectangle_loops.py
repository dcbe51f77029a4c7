"""Compiled loops of the search for rectangles; `rectangles` documents their purpose.

They have no annotations: numba takes the types from the signatures, and mypy would find errors
where numba has none.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from hashmatch.jit import compiled

from .loops import PLANE, mirror

# Rows in which fewer pixels are on an edge have no side of a rectangle.
_MIN_EDGE_SHARE = 0.1
# The share of a side that has to be on an edge, and the smallest rectangle, in shares of the plane.
_MIN_SIDE_SHARE = 0.2
_MIN_HEIGHT, _MIN_WIDTH = 0.12, 0.15
# The strips along a side, inside and outside of it, whose texture is compared, and their distance.
_STRIP, _GAP = 10, 4
# Weights of a rectangle's score: a logistic regression over the candidates of 27 alterations of 45
# photographs, of two classes: whether the rectangle, or what is inside its borders, hashes
# as the photograph does. Eleven other measures together added nothing. The best 12 by the shares of
# the sides and the size alone held 76 % of the altered copies of 35 other photographs, these 86 %.
_OF_SECOND, _OF_LEAST, _OF_ALL_SIDES = 2.69, 5.06, 0.82
_OF_SIZE, _OF_AREA, _OF_SHORTER = 14.12, -12.6, 5.51
_OF_STEPS, _OF_LOWEST_STEP, _OF_OUTSIDE, _OF_INSIDE = -1.86, 0.93, -1.7, 1.25


@compiled(f"void({PLANE}, int64, float32[:, ::1])", fastmath={"reassoc", "contract"})
def measure_texture(plane, reach, texture):
    """Fill one more than the standard deviation of the pixels around each, within `reach`."""
    height, width = plane.shape
    sums = np.zeros(width + 2 * reach + 1, np.float32)
    squares = np.zeros(width + 2 * reach + 1, np.float32)
    side = 2 * reach + 1
    middle, middle_squares = sums[reach : reach + width], squares[reach : reach + width]
    means = np.empty(width, np.float32)
    number = np.float32(side * side)
    for y in range(height):
        if y == 0:
            first, last = -reach, reach
        else:
            first, last = y + reach, y + reach
            gone = plane[mirror(y - reach - 1, height)]
            for x in range(width):
                middle[x] -= gone[x]
                middle_squares[x] -= gone[x] * gone[x]
        for one in range(first, last + 1):
            line = plane[mirror(one, height)]
            for x in range(width):
                middle[x] += line[x]
                middle_squares[x] += line[x] * line[x]
        for x in range(reach):
            sums[reach - 1 - x], squares[reach - 1 - x] = sums[reach + x], squares[reach + x]
            sums[reach + width + x] = sums[reach + width - 1 - x]
            squares[reach + width + x] = squares[reach + width - 1 - x]
        out = texture[y]
        out[:] = np.float32(0)
        means[:] = np.float32(0)
        for part in range(side):
            some, others = sums[part : part + width], squares[part : part + width]
            for x in range(width):
                means[x] += some[x]
                out[x] += others[x]
        for x in range(width):
            mean = means[x] / number
            variance = out[x] / number - mean * mean
            out[x] = np.float32(1) + np.sqrt(max(variance, np.float32(0)))


@compiled(f"void({PLANE}, int64, float32, boolean, int64, uint8[:, ::1], float32[::1])",
          fastmath={"reassoc", "contract"})  # fmt: skip
def find_edges(values, depth, limit, is_ratio, run, edges, weights):
    """Mark pixels on straight edges below their row, and weigh them by row.

    An edge is where the means of `depth` rows above and below differ by `limit`, or by that factor,
    along most of `run` pixels.
    """
    height, width = values.shape
    raw = np.zeros(width + run + 1, np.uint8)
    marks = raw[run // 2 : run // 2 + width]
    above, below = np.empty(width, np.float32), np.empty(width, np.float32)
    needed = np.int64(np.floor(0.75 * run)) + 1
    limits = limit * np.float32(depth)
    for y in range(height):
        edges[y] = 0
        weights[y] = 0
        if y + 1 < depth or y + depth >= height:
            continue
        above[:] = values[y]
        below[:] = values[y + 1]
        for step in range(1, depth):
            before, after = values[y - step], values[y + 1 + step]
            for x in range(width):
                above[x] += before[x]
                below[x] += after[x]
        if is_ratio:
            for x in range(width):
                marks[x] = max(above[x], below[x]) > limit * min(above[x], below[x])
        else:
            for x in range(width):
                marks[x] = abs(above[x] - below[x]) > limits
        total = 0
        for x in range(width):
            total += marks[x]
        if total < _MIN_EDGE_SHARE * width:
            continue
        inside = 0
        for x in range(run):
            inside += raw[x]
        out = edges[y]
        weight = np.float32(0)
        for x in range(width):
            if inside >= needed:
                out[x] = 1
                high, low = max(above[x], below[x]), min(above[x], below[x])
                excess = high / (limit * low) if is_ratio else (high - low) / limits
                # How sharp they are tells the true edge from its neighbours.
                weight += 1 + min(excess, np.float32(8)) / 64
            inside += np.int64(raw[x + run]) - np.int64(raw[x])
        weights[y] = weight


@register_jitable
def _mean(running, left, top, right, bottom):
    """Return the mean of the part of a box that lies on the plane, from its running sums."""
    height, width = running.shape[0] - 1, running.shape[1] - 1
    left, right = min(max(left, 0), width), min(max(right, 0), width)
    top, bottom = min(max(top, 0), height), min(max(bottom, 0), height)
    total = (
        running[bottom, right] - running[top, right] - running[bottom, left] + running[top, left]
    )
    return total / max((right - left) * (bottom - top), 1)


@register_jitable
def judge(shares, texture, left, top, right, bottom):
    """Return the score of a rectangle; `shares` are of its sides, below 0 on the border."""
    height, width = texture.shape[0] - 1, texture.shape[1] - 1
    sides, least, second = 0, 2.0, 2.0
    for side in range(4):
        share = shares[side]
        if share >= 0:
            sides += 1
            if share < least:
                least, second = share, least
            elif share < second:
                second = share
    if sides == 1:
        second = least
    near, far = _GAP, _GAP + _STRIP
    steps, lowest, outsides, number = 0.0, 9.0, 0.0, 0
    for side in range(4):
        if side == 0 and top > near + 2:
            inside = _mean(texture, left, top + near, right, top + far)
            outside = _mean(texture, left, top - far, right, top - near)
        elif side == 1 and bottom < height - near - 2:
            inside = _mean(texture, left, bottom - far, right, bottom - near)
            outside = _mean(texture, left, bottom + near, right, bottom + far)
        elif side == 2 and left > near + 2:
            inside = _mean(texture, left + near, top, left + far, bottom)
            outside = _mean(texture, left - far, top, left - near, bottom)
        elif side == 3 and right < width - near - 2:
            inside = _mean(texture, right - far, top, right - near, bottom)
            outside = _mean(texture, right + near, top, right + far, bottom)
        else:
            continue
        steps += inside - outside
        lowest = min(lowest, inside - outside)
        outsides += outside
        number += 1
    if number == 0:
        lowest = 0.0
    number = max(number, 1)
    wide, tall = (right - left) / width, (bottom - top) / height
    return (
        _OF_SECOND * second
        + _OF_LEAST * least * least
        + _OF_ALL_SIDES * (sides == 4)
        + _OF_SIZE * np.sqrt(wide * tall)
        + _OF_AREA * wide * tall
        + _OF_STEPS * steps / number
        + _OF_LOWEST_STEP * lowest
        + _OF_OUTSIDE * outsides / number
        + _OF_INSIDE * _mean(texture, left, top, right, bottom)
        + _OF_SHORTER * min(wide, tall)
    )


@compiled(
    "int64(int64[::1], int64[::1], int32[:, ::1], int32[:, ::1], float64[:, ::1], float64[:, ::1])"
)
def rank_rectangles(ys, xs, across, down, texture, found):
    """Fill score and box of the rectangles whose sides are edges, and return their number.

    `ys` and `xs` are the lines before which rectangles end and after which they begin, `across` and
    `down` running numbers of edge pixels along each line, `texture` running sums.
    """
    width, height = across.shape[1] - 1, down.shape[1] - 1
    number = 0
    shares = np.empty(4)
    for i in range(len(ys)):
        for k in range(i + 1, len(ys)):
            top, bottom = ys[i] + 1, ys[k] + 1
            tall = bottom - top
            if tall < _MIN_HEIGHT * height:
                continue
            for j in range(len(xs)):
                for m in range(j + 1, len(xs)):
                    left, right = xs[j] + 1, xs[m] + 1
                    wide = right - left
                    if wide < _MIN_WIDTH * width or number == len(found):
                        continue
                    shares[0] = (across[i, right] - across[i, left]) / wide if top > 0 else -1
                    shares[1] = (
                        (across[k, right] - across[k, left]) / wide if bottom < height else -1
                    )
                    shares[2] = (down[j, bottom] - down[j, top]) / tall if left > 0 else -1
                    shares[3] = (down[m, bottom] - down[m, top]) / tall if right < width else -1
                    worst, best = 2.0, -1.0
                    for side in range(4):
                        best = max(best, shares[side])
                        if shares[side] >= 0:
                            worst = min(worst, shares[side])
                    if best < 0 or worst <= _MIN_SIDE_SHARE:
                        continue
                    found[number, 0] = judge(shares, texture, left, top, right, bottom)
                    found[number, 1], found[number, 2] = left, top
                    found[number, 3], found[number, 4] = right, bottom
                    number += 1
    return number


@register_jitable
def _area(one):
    return (one[3] - one[1]) * (one[4] - one[2])


@compiled("int64(float64[:, ::1], float64, float64, float64, float64, float64, float64[:, ::1])")
def choose_distinct(found, width, height, same, lowest, tight_score, chosen):
    """Fill the boxes of best score, none with all sides near those of a better one.

    Return their number, at most the length of `chosen`. The scores are used up.
    """
    number = 0
    while number < len(chosen):
        best = -1
        for one in range(len(found)):
            if found[one, 0] > lowest and (best < 0 or found[one, 0] > found[best, 0]):
                best = one
        if best < 0:
            return number
        box = found[best, 1:]
        # A frame around the picture has edges on both of its sides, and the inner ones are meant.
        tight = best
        for one in range(len(found)):
            if found[one, 0] > found[best, 0] - tight_score:
                across = max(abs(found[one, 1] - box[0]), abs(found[one, 3] - box[2])) / width
                down = max(abs(found[one, 2] - box[1]), abs(found[one, 4] - box[3])) / height
                if max(across, down) <= same and _area(found[one]) < _area(found[tight]):
                    tight = one
        chosen[number] = found[tight, 1:]
        number += 1
        for one in range(len(found)):
            across = max(abs(found[one, 1] - box[0]), abs(found[one, 3] - box[2])) / width
            down = max(abs(found[one, 2] - box[1]), abs(found[one, 4] - box[3])) / height
            if max(across, down) <= same:
                found[one, 0] = -np.inf
    return number


@compiled(f"void({PLANE}, float64[:, ::1])")
def sum_up(values, running):
    """Fill the sums of all values above and to the left of each place."""
    running[0] = 0
    for y in range(values.shape[0]):
        total = 0.0
        running[y + 1, 0] = 0
        for x in range(values.shape[1]):
            total += values[y, x]
            running[y + 1, x + 1] = running[y, x + 1] + total
