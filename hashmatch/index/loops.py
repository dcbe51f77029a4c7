"""Compiled loops of the Hamming index; `kernels` documents their purpose.

They have no annotations: numba takes the types from the signatures, and mypy would find errors
where numba has none.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from hashmatch.jit import compiled

# The number of rows between the prefetch of a row and its comparison.
_AHEAD = 32
# The initial capacity for the candidates of one piece.
_CANDIDATES = 2048
# The number of buckets in a block: while those of one block are read, the next are fetched.
_BLOCK = 32
# Slots that are read together, and candidates that are compared before there are more.
_SLOTS = 512
_ENOUGH = 8192
# The lowest bits of a key are its place in a bucket.
_LOW_BITS = 6
# Rows of which a scan asks together whether any may be near.
_ROWS_A_STEP = 512
# A slot below this value is the place of a row, otherwise that of a list of rows with the same key.
_SHARED = 1 << 31

_U8_2D = "Array(uint8, 2, 'C', readonly=True)"
_U64 = "Array(uint64, 1, 'C', readonly=True)"
_U64_2D = "Array(uint64, 2, 'C', readonly=True)"
_U32 = "Array(uint32, 1, 'C', readonly=True)"
_I64_2D = "Array(int64, 2, 'C', readonly=True)"


@intrinsic
def _ones(_typing, word):
    """Count the bits set in a word, with the instruction of the processor."""

    def generate(_context, builder, _signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(word), generate


@intrinsic
def _lowest(_typing, word):
    """Return the place of the lowest bit that is set in a word other than 0."""

    def generate(_context, builder, _signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(word), generate


@intrinsic
def _prefetch(_typing, array, place):
    """Request the cache line of an array's item, by its place in memory, without waiting for it."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, place), generate


@register_jitable
def _key(words, row, first, width):
    """Return the `width` bits of a row that start at its bit `first`."""
    word, bit = first >> 6, first & 63
    value = words[row, word] >> np.uint64(bit)
    if bit + width > 64:
        value |= words[row, word + 1] << np.uint64(64 - bit)
    return np.int64(value & ((np.uint64(1) << np.uint64(width)) - np.uint64(1)))


@register_jitable
def _with_capacity(candidates, count):
    """Return the array, or a longer copy of it if it has room for fewer than `count`."""
    if count <= candidates.shape[0]:
        return candidates
    longer = np.empty(max(count, 2 * candidates.shape[0]), np.uint32)
    longer[: candidates.shape[0]] = candidates
    return longer


@register_jitable
def _is_first_to_find(queries, query, rows, row, piece, reaches, piece_masks):
    """Say whether no earlier piece is near enough to have led to the same row.

    So each row is reported once, without a record of the rows found.
    """
    for other in range(piece):
        distance = np.int64(0)
        for word in range(rows.shape[1]):
            differ = (queries[query, word] ^ rows[row, word]) & piece_masks[other, word]
            distance += np.int64(_ones(differ))
        if distance <= reaches[other, 2]:
            return False
    return True


@register_jitable
def _compare(
    queries, query, rows, candidates, ends, piece, reaches, piece_masks, threshold,
    found, found_queries, found_rows, found_distances,
):  # fmt: skip
    """Record the candidates of pieces up to `piece` that are within the threshold.

    `ends` has the end of each piece's candidates. Return the total number found: rows beyond the
    capacity are counted only, so that the caller can repeat with enough room.
    """
    words = rows.shape[1]
    memory = rows.reshape(-1)
    count = ends[piece]
    of_piece = 0
    for ahead in range(min(_AHEAD, count)):
        _prefetch(memory, np.int64(candidates[ahead]) * words)
    for place in range(count):
        if place + _AHEAD < count:
            _prefetch(memory, np.int64(candidates[place + _AHEAD]) * words)
        row = np.int64(candidates[place])
        distance = np.int64(0)
        for word in range(words):
            distance += np.int64(_ones(queries[query, word] ^ rows[row, word]))
        if distance <= threshold:
            while ends[of_piece] <= place:
                of_piece += 1
            if _is_first_to_find(queries, query, rows, row, of_piece, reaches, piece_masks):
                if found < found_rows.shape[0]:
                    found_queries[found] = query
                    found_rows[found] = row
                    found_distances[found] = distance
                found += 1
    return found


@register_jitable
def _gather(slots, shared, shared_base, places, full, candidates, gathered):
    """Add the rows in slots to the candidates; return them, in more room, and their number."""
    candidates = _with_capacity(candidates, gathered + full)
    for one in range(full):
        slot = np.int64(slots[places[one]])
        if slot < _SHARED:
            candidates[gathered] = slot
            gathered += 1
            continue
        first_row = shared_base + slot - _SHARED + 1
        count = np.int64(shared[first_row - 1])
        candidates = _with_capacity(candidates, gathered + count + full)
        for row in range(count):
            candidates[gathered + row] = shared[first_row + row]
        gathered += count
    return candidates, gathered


@compiled(
    f"int64({_U64_2D}, {_U64_2D}, {_U64}, {_U32}, {_U32}, {_I64_2D}, {_U32}, {_I64_2D},"
    f" {_U64_2D}, {_U64_2D}, int64, int64[::1], uint32[::1], int64[::1])"
)
def search(
    queries, rows, buckets, slots, shared, pieces, masks, reaches, piece_masks, low_balls,
    threshold, found_queries, found_rows, found_distances,
):  # fmt: skip
    places = np.empty(_SLOTS + 64, np.int64)
    low_masks = np.empty(_LOW_BITS + 1, np.uint64)
    candidates = np.empty(_CANDIDATES, np.uint32)
    ends = np.zeros(pieces.shape[0], np.int64)
    # Memory is prefetched long before its use: buckets a few ahead, the slots of all occupied keys
    # of a piece, and in `_compare` the rows. A query among 1 M realistic hashes takes 27 µs at 31
    # bits and 110 µs at 40; with slots and rows read piece by piece it took 35 to 40 and 130 to
    # 160, with keys looked up one by one as well 36 and 170.
    found = 0
    for query in range(queries.shape[0]):
        gathered = 0
        ends[:] = 0
        for piece in range(pieces.shape[0]):
            first, width = pieces[piece, 0], pieces[piece, 1]
            bucket_base, slot_base = pieces[piece, 2], pieces[piece, 3]
            shared_base = pieces[piece, 4]
            first_mask, probes, radius = reaches[piece, 0], reaches[piece, 1], reaches[piece, 2]
            key = _key(queries, query, first, width)
            high = key >> _LOW_BITS
            for left in range(_LOW_BITS + 1):
                low_masks[left] = low_balls[key & 63, left]
            for probe in range(min(_BLOCK, probes)):
                near = high ^ np.int64(masks[first_mask + probe])
                _prefetch(buckets, bucket_base + 2 * near)
            full = 0
            for probe in range(probes):
                if probe + _BLOCK < probes:
                    near = high ^ np.int64(masks[first_mask + probe + _BLOCK])
                    _prefetch(buckets, bucket_base + 2 * near)
                mask = np.uint64(masks[first_mask + probe])
                at = bucket_base + 2 * (high ^ np.int64(mask))
                # The bits that are not flipped above may be flipped below: of 64 keys, those
                # near enough are found at once.
                left = min(radius - np.int64(_ones(mask)), _LOW_BITS)
                bits = buckets[at]
                near_bits = bits & low_masks[left]
                if near_bits == np.uint64(0):
                    continue
                end = slot_base + np.int64(buckets[at + 1])
                while near_bits:
                    low = _lowest(near_bits)
                    near_bits &= near_bits - np.uint64(1)
                    # Slots exist for occupied keys only, in order. The bucket has their number
                    # up to the end of its word; subtract the keys from this one to that end.
                    place = end - np.int64(_ones(bits >> low))
                    _prefetch(slots, place)
                    places[full] = place
                    full += 1
                if full >= _SLOTS:
                    candidates, gathered = _gather(
                        slots, shared, shared_base, places, full, candidates, gathered
                    )
                    full = 0
            candidates, gathered = _gather(
                slots, shared, shared_base, places, full, candidates, gathered
            )
            ends[piece] = gathered
            if gathered >= _ENOUGH or piece == pieces.shape[0] - 1:
                found = _compare(
                    queries, query, rows, candidates, ends, piece, reaches, piece_masks, threshold,
                    found, found_queries, found_rows, found_distances,
                )  # fmt: skip
                gathered = 0
                ends[:] = 0
    return found


@compiled(f"int64({_U64_2D}, {_U64_2D}, int64, int64[::1], uint32[::1], int64[::1])")
def scan(queries, columns, threshold, found_queries, found_rows, found_distances):
    # By columns, several rows are compared in one step, and most blocks of rows by two words alone:
    # among 10,000 rows a query takes 5 µs at 31 and at 40 bits; row by row it took 30.
    found = 0
    words, count = columns.shape
    second = min(1, words - 1)
    for query in range(queries.shape[0]):
        one, other = queries[query, 0], queries[query, second]
        for start in range(0, count, _ROWS_A_STEP):
            end = min(start + _ROWS_A_STEP, count)
            least = np.uint64(64 * words)
            for row in range(start, end):
                distance = _ones(one ^ columns[0, row])
                if second:
                    distance += _ones(other ^ columns[second, row])
                least = min(least, distance)
            if np.int64(least) > threshold:
                continue
            for row in range(start, end):
                distance = np.uint64(0)
                for word in range(words):
                    distance += _ones(queries[query, word] ^ columns[word, row])
                if np.int64(distance) <= threshold:
                    if found < found_rows.shape[0]:
                        found_queries[found] = query
                        found_rows[found] = row
                        found_distances[found] = distance
                    found += 1
    return found


@compiled(f"void({_U8_2D}, Array(uint64, 3, 'C', readonly=True), uint64[:, ::1])")
def permute_bits(values, table, words):
    for row in range(values.shape[0]):
        for word in range(words.shape[1]):
            words[row, word] = np.uint64(0)
        for place in range(values.shape[1]):
            for word in range(words.shape[1]):
                words[row, word] |= table[place, values[row, place], word]


@compiled(f"void({_U64_2D}, int64, int64, uint32[::1])")
def count(rows, first, width, counts):
    for row in range(rows.shape[0]):
        counts[_key(rows, row, first, width)] += np.uint32(1)


@compiled(f"void({_U32}, uint64[::1], uint32[::1], uint32[::1])")
def lay_out(counts, buckets, slots, shared):
    slot = 0
    at = 0
    for word in range(buckets.shape[0] // 2):
        bits = np.uint64(0)
        for bit in range(64):
            place = 64 * word + bit
            count = counts[place] if place < counts.shape[0] else np.uint32(0)
            if count == 0:
                continue
            bits |= np.uint64(1) << np.uint64(bit)
            if count > 1:
                slots[slot] = np.uint32(_SHARED + at)
                shared[at] = np.uint32(0)
                at += 1 + np.int64(count)
            slot += 1
        buckets[2 * word] = bits
        buckets[2 * word + 1] = np.uint64(slot)


@compiled(f"void({_U64_2D}, int64, int64, {_U32}, {_U64}, uint32[::1], uint32[::1])")
def fill(rows, first, width, counts, buckets, slots, shared):
    for row in range(rows.shape[0]):
        key = _key(rows, row, first, width)
        at = 2 * (key >> 6)
        place = np.int64(buckets[at + 1]) - np.int64(_ones(buckets[at] >> np.uint64(key & 63)))
        if counts[key] == 1:
            slots[place] = np.uint32(row)
        else:
            # The length of the list also is the number of rows stored in it so far.
            list_at = np.int64(slots[place]) - _SHARED
            shared[list_at] += np.uint32(1)
            shared[list_at + np.int64(shared[list_at])] = np.uint32(row)
