"""Contract of every segment: the same answers as looking at every entry."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.hashes import Algorithm, Kind
from hashmatch.index import Entries, ExactSegment, HammingSegment, Neighbour, Segment, VectorSegment
from hashmatch.index.interface import Hits
from hashmatch.index.layers import LayeredIndex, Withdrawn
from hashmatch.index.pieces import ball, best_number_of_pieces, choose_radii, order_bits
from tests import oracle


@dataclass(frozen=True)
class _Case:
    """Values, many of them near each other, and queries near some of them."""

    algorithm: Algorithm
    values: list[bytes]
    queries: list[bytes]

    def entries(self) -> Entries:
        count, length = len(self.values), self.algorithm.bits // 8
        rows = np.frombuffer(b"".join(self.values), np.uint8).reshape(count, length)
        return Entries(np.arange(100, 100 + count), np.full(count, 7), rows)

    def expected(self, query: bytes, threshold_bits: int) -> list[Neighbour]:
        near = oracle.near(self.values, query, threshold_bits)
        return [Neighbour(100 + place, 7, distance) for distance, place in near]


def _perceptual(length: int, threshold_bits: int) -> Algorithm:
    return Algorithm("made-up", "1", 8 * length, Kind.PERCEPTUAL, threshold_bits)


@st.composite
def _cases(draw: st.DrawFn) -> _Case:
    length = draw(st.sampled_from([1, 2, 5, 8, 9, 16, 20, 32]))
    centres = draw(st.lists(st.binary(min_size=length, max_size=length), min_size=1, max_size=3))
    flips = st.lists(st.integers(0, 8 * length - 1), max_size=6)
    near = st.builds(_flipped, st.sampled_from(centres), flips)
    values = draw(st.lists(near, min_size=1, max_size=40))
    queries = draw(st.lists(near, min_size=1, max_size=3))
    return _Case(_perceptual(length, draw(st.integers(0, 40))), values, queries)


def _flipped(value: bytes, places: list[int]) -> bytes:
    number = int.from_bytes(value, "big")
    for place in places:
        number ^= 1 << place
    return number.to_bytes(len(value), "big")


def _with_tables(case: _Case, pieces: int, monkeypatch: pytest.MonkeyPatch) -> HammingSegment:
    """Build with tables even where comparing every row would be quicker, and use them."""
    with monkeypatch.context() as patch:
        patch.setattr("hashmatch.index.hamming.best_number_of_pieces", lambda *_: pieces)
        return HammingSegment.build(case.algorithm, case.entries())


@settings(max_examples=40)
@given(case=_cases(), threshold_bits=st.integers(0, 256))
def test_scanning_agrees_with_the_oracle(case: _Case, threshold_bits: int) -> None:
    segment = HammingSegment.build(case.algorithm, case.entries())
    threshold_bits = min(threshold_bits, case.algorithm.bits)
    found = segment.search_many(case.queries, threshold_bits)
    assert found == [case.expected(query, threshold_bits) for query in case.queries]


@settings(max_examples=40)
@given(case=_cases(), pieces=st.integers(1, 64), data=st.data())
def test_tables_agree_with_the_oracle(case: _Case, pieces: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hashmatch.index.tables.scan_cost", lambda *_: float("inf"))
        segment = _with_tables(case, min(pieces, case.algorithm.bits), patch)
        # All masks of a long key would be millions.
        highest = case.algorithm.bits if case.algorithm.bits <= 16 else 3 * pieces
        threshold_bits = data.draw(st.integers(0, min(highest, case.algorithm.bits)))
        found = segment.search_many(case.queries, threshold_bits)
    assert found == [case.expected(query, threshold_bits) for query in case.queries]


@pytest.mark.parametrize("length", [8, 20, 32])
@pytest.mark.parametrize("kind", ["uniform", "skewed", "clustered", "equal", "counting"])
def test_large_segments_agree_with_comparing_every_row(length: int, kind: str) -> None:
    rng = np.random.default_rng(length)
    rows = _adversarial(kind, rng, 12_000, length)
    keys = rng.permutation(len(rows))
    segment = HammingSegment.build(
        _perceptual(length, length), Entries(keys, np.full(len(rows), 1), rows)
    )
    queries = np.concatenate([rows[:40], rng.integers(0, 256, (30, length), dtype=np.uint8)])
    queries[:30, 0] ^= 0x18
    compared = _compared(queries, rows, keys, length)
    for threshold_bits in (0, length // 2, length):
        hits = segment.find(queries, threshold_bits)
        found = np.stack([hits.queries, hits.entry_keys, hits.distances_bits], axis=1)
        order = np.lexsort((hits.entry_keys, hits.queries))
        assert np.array_equal(found[order], compared[compared[:, 2] <= threshold_bits])


def test_very_many_rows_with_the_same_keys_are_all_found() -> None:
    """Anybody may deliver such a list: more candidates than are held at a time."""
    rng = np.random.default_rng(0)
    rows = np.full((30_000, 8), 0x5A, np.uint8)
    rows[:, 5:] = rng.integers(0, 256, (len(rows), 3), dtype=np.uint8)
    keys = np.arange(len(rows))
    algorithm = _perceptual(8, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hashmatch.index.tables.scan_cost", lambda *_: float("inf"))
        patch.setattr("hashmatch.index.hamming.best_number_of_pieces", lambda *_: 5)
        entries = Entries(keys, np.ones(len(rows), np.int64), rows)
        segment = HammingSegment.build(algorithm, entries)
        hits = segment.find(rows[:3], 8)
    expected = _compared(rows[:3], rows, keys, 8)
    found = np.stack([hits.queries, hits.entry_keys, hits.distances_bits], axis=1)
    order = np.lexsort((hits.entry_keys, hits.queries))
    assert np.array_equal(found[order], expected[expected[:, 2] <= 8])


def _adversarial(kind: str, rng: np.random.Generator, count: int, length: int) -> np.ndarray:
    uniform = rng.integers(0, 256, (count, length), dtype=np.uint8)
    match kind:
        case "uniform":
            return uniform
        case "skewed":  # Every bit is rarely set.
            return (
                uniform & np.roll(uniform, 1, 0) & np.roll(uniform, 2, 0) & np.roll(uniform, 3, 0)
            )
        case "clustered":
            centres = uniform[rng.integers(0, 20, count)]
            flips = np.packbits(rng.random((count, 8 * length)) < 0.02, axis=1)
            return centres ^ flips
        case "equal":
            return np.repeat(uniform[:2], count // 2, axis=0)
    counting = np.zeros((count, length), np.uint8)
    counting[:, :4] = np.arange(count, dtype=np.uint32)[:, None].view(np.uint8)
    return counting


def _compared(
    queries: np.ndarray, rows: np.ndarray, keys: np.ndarray, threshold_bits: int
) -> np.ndarray:
    """Return (query, key, distance) of every row within the threshold, in order."""
    found = []
    by_key = np.argsort(keys)
    for number, query in enumerate(queries):
        distances = np.bitwise_count(rows[by_key] ^ query).sum(axis=1, dtype=np.int64)
        near = np.flatnonzero(distances <= threshold_bits)
        found.append(np.stack([np.full(len(near), number), near, distances[near]], axis=1))
    return np.concatenate(found)


@settings(max_examples=40)
@given(case=_cases())
def test_exact_search_agrees_with_the_oracle_at_distance_zero(case: _Case) -> None:
    # No cryptographic hash is shorter than sixteen bytes.
    values, queries = [one * 16 for one in case.values], [one * 16 for one in case.queries]
    algorithm = Algorithm("exact", "1", 8 * len(values[0]), Kind.EXACT)
    long = _Case(algorithm, values, queries)
    segment = ExactSegment.build(algorithm, long.entries())
    assert segment.search_many(queries, 0) == [long.expected(query, 0) for query in queries]


def test_exact_search_tells_apart_values_that_begin_alike() -> None:
    values = [b"same-prefix" + bytes([number]) * 21 for number in range(50)]
    case = _Case(Algorithm("exact", "1", 256, Kind.EXACT), values, [])
    segment = ExactSegment.build(case.algorithm, case.entries())
    assert segment.search_many(values, 0) == [[Neighbour(100 + n, 7, 0)] for n in range(50)]


@settings(max_examples=40)
@given(case=_cases())
def test_segments_give_back_the_entries_that_they_were_made_of(case: _Case) -> None:
    exact = Algorithm("exact", "1", case.algorithm.bits * 16, Kind.EXACT)
    long = _Case(exact, [one * 16 for one in case.values], [])
    made: list[tuple[_Case, Segment]] = [
        (case, HammingSegment.build(case.algorithm, case.entries())),
        (long, ExactSegment.build(exact, long.entries())),
    ]
    for given_case, segment in made:
        back = segment.entries()
        order = np.argsort(back.keys)
        assert back.where(order).values.tolist() == given_case.entries().values.tolist()
        assert back.keys[order].tolist() == given_case.entries().keys.tolist()
        assert set(back.list_keys.tolist()) == {7}


@settings(max_examples=40)
@given(case=_cases(), threshold_bits=st.integers(0, 100_000))
def test_vectors_are_found_by_their_squared_distance(case: _Case, threshold_bits: int) -> None:
    algorithm = Algorithm("vectors", "1", case.algorithm.bits, Kind.VECTOR)
    segment = VectorSegment.build(algorithm, case.entries())
    found = segment.search_many(case.queries, threshold_bits)
    for query, neighbours in zip(case.queries, found, strict=True):
        near = oracle.near_vectors(case.values, query, threshold_bits)
        assert neighbours == [Neighbour(100 + place, 7, distance) for distance, place in near]


@settings(max_examples=40)
@given(case=_cases(), parts=st.integers(1, 4), data=st.data())
def test_layers_agree_with_the_oracle_without_the_withdrawn(
    case: _Case, parts: int, data: st.DataObject
) -> None:
    entries = case.entries()
    segments = [
        HammingSegment.build(case.algorithm, entries.where(slice(part, None, parts)))
        for part in range(min(parts, len(entries.keys)))
    ]
    dead = data.draw(st.sets(st.sampled_from(entries.keys.tolist())))
    removed = data.draw(st.sampled_from([{}, {8: 1000}, {7: int(entries.keys[0])}]))
    withdrawn = Withdrawn(np.array(sorted(dead), np.int64), removed)
    index = LayeredIndex(case.algorithm, segments, withdrawn, len(entries.keys))
    gone = dead | ({int(entries.keys[0])} if 7 in removed else set())
    for query, found in zip(case.queries, index.search_many(case.queries, 12), strict=True):
        assert found == [one for one in case.expected(query, 12) if one.entry_key not in gone]


@settings(max_examples=40)
@given(case=_cases(), lists=st.integers(1, 3), data=st.data())
def test_the_entries_of_a_list_that_share_a_value_are_found_as_one(
    case: _Case, lists: int, data: st.DataObject
) -> None:
    entries = case.entries()
    entries = entries._replace(list_keys=entries.keys % lists)
    dead = data.draw(st.sets(st.sampled_from(entries.keys.tolist())))
    gone = Withdrawn(np.array(sorted(dead), np.int64), {})
    segment = HammingSegment.build(case.algorithm, entries)
    index = LayeredIndex(case.algorithm, [segment], gone, len(entries.keys))
    for every, found in zip(
        index.search_many(case.queries, 12), index.search_distinct(case.queries, 12), strict=True
    ):
        sharing = defaultdict[tuple[int, bytes], list[Neighbour]](list)
        for one in sorted(every):
            sharing[one.list_key, case.values[one.entry_key - 100]].append(one)
        assert sorted(found) == sorted(
            first._replace(others=tuple(one.entry_key for one in others))
            for first, *others in sharing.values()
        )
        assert [one.distance_bits for one in found] == sorted(one.distance_bits for one in found)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_query_of_another_length_is_refused(length: int) -> None:
    case = _Case(_perceptual(32, 31), [bytes(32)], [])
    exact = Algorithm("exact", "1", 256, Kind.EXACT)
    for segment in (
        HammingSegment.build(case.algorithm, case.entries()),
        ExactSegment.build(exact, case.entries()),
    ):
        with pytest.raises(ValueError, match="where 32 were expected"):
            segment.search(bytes(length), 0)


@given(
    widths=st.lists(st.integers(1, 24), min_size=1, max_size=20),
    data=st.data(),
)
def test_radii_leave_no_room_for_a_near_hash_to_hide(
    widths: list[int], data: st.DataObject
) -> None:
    threshold_bits = data.draw(st.integers(0, sum(widths)))
    loads = data.draw(st.lists(st.floats(0, 100), min_size=len(widths), max_size=len(widths)))
    radii = choose_radii(widths, loads, threshold_bits)
    assert sum(radius + 1 for radius in radii) == threshold_bits + 1


@given(width=st.integers(0, 12), radius=st.integers(-1, 13))
def test_a_ball_has_every_mask_of_few_bits(width: int, radius: int) -> None:
    expected = [mask for mask in range(1 << width) if mask.bit_count() <= radius]
    assert ball(width, radius).tolist() == expected


@given(bits=st.integers(1, 80), pieces=st.integers(1, 80), seed=st.integers(0, 100))
def test_every_bit_is_dealt_once(bits: int, pieces: int, seed: int) -> None:
    sample = np.random.default_rng(seed).integers(0, 2, (20, bits))
    dealt = order_bits(sample, min(pieces, bits))
    assert sorted(dealt.tolist()) == list(range(bits))


def test_small_segments_are_scanned_and_large_ones_have_tables() -> None:
    assert best_number_of_pieces(256, 1_000, {31: 1.0, 40: 0.1}) == 0
    assert best_number_of_pieces(256, 1_000_000, {31: 1.0, 40: 0.1}) > 8
    assert best_number_of_pieces(256, 1_000_000, {255: 1.0}) == 0


def test_a_value_asked_for_a_thousand_times_is_looked_up_once() -> None:
    """A thousand uploads of a picture that thousands of entries have would find millions."""
    exact = Algorithm("made-up", "1", 128, Kind.EXACT)
    values = [bytes(16)] * 3_000 + [bytes(8) + number.to_bytes(8, "big") for number in range(1, 99)]
    case = _Case(exact, values, [])
    segment = ExactSegment.build(exact, case.entries())
    asked = [bytes(16), values[-1], bytes(16), b"\1" * 16] * 250
    first, last, again, other = segment.search_distinct(asked, 0)[:4]
    assert first == again
    assert [(one.entry_key, len(one.others)) for one in first] == [(100, 2_999)]
    assert last == [Neighbour(100 + len(values) - 1, 7, 0)]
    assert other == []
    found = list[int]()
    own = ExactSegment.find

    def find(segment: ExactSegment, queries: np.ndarray, threshold_bits: int) -> Hits:
        hits = own(segment, queries, threshold_bits)
        found.append(len(hits.queries))
        return hits

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExactSegment, "find", find)
        segment.search_many(asked, 0)
    assert found == [3_001]
