"""What every index keeps to: the same answers as looking at every entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.index import ExactIndex, FlatIndex, Neighbour
from tests import oracle


def _rows(values: list[bytes], length: int) -> np.ndarray:
    return np.frombuffer(b"".join(values), np.uint8).reshape(len(values), length)


def _flat(values: list[bytes], length: int) -> FlatIndex:
    return FlatIndex(range(100, 100 + len(values)), [7] * len(values), _rows(values, length))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Values of one length, many of them near each other, and a query near one of them."""
    length = draw(st.sampled_from([1, 5, 8, 16, 20, 32]))
    centre = draw(st.binary(min_size=length, max_size=length))
    flips = st.lists(st.integers(0, 8 * length - 1), max_size=6)
    values = [_flipped(centre, some) for some in draw(st.lists(flips, max_size=40))]
    return values, _flipped(centre, draw(flips))


def _flipped(value: bytes, places: list[int]) -> bytes:
    number = int.from_bytes(value, "big")
    for place in places:
        number ^= 1 << place
    return number.to_bytes(len(value), "big")


@given(case=_cases(), threshold_bits=st.integers(0, 256))
def test_flat_search_finds_what_the_oracle_finds(
    case: tuple[list[bytes], bytes], threshold_bits: int
) -> None:
    values, query = case
    threshold_bits = min(threshold_bits, 8 * len(query))
    found = _flat(values, len(query)).search(query, threshold_bits)
    expected = oracle.near(values, query, threshold_bits)
    assert found == [Neighbour(100 + place, 7, distance) for distance, place in expected]


@given(case=_cases())
def test_exact_search_finds_what_the_oracle_finds_at_distance_nought(
    case: tuple[list[bytes], bytes],
) -> None:
    values, query = case
    if len(query) < 16:  # No cryptographic hash is shorter.
        query, values = query * 16, [value * 16 for value in values]
    length = len(query)
    index = ExactIndex(range(100, 100 + len(values)), [7] * len(values), _rows(values, length))
    expected = [Neighbour(100 + place, 7, 0) for _, place in oracle.near(values, query, 0)]
    assert index.search(query, 0) == expected


def test_exact_search_tells_apart_values_that_begin_alike() -> None:
    values = [b"same-prefix" + bytes([number]) * 21 for number in range(50)]
    index = ExactIndex(range(50), [1] * 50, _rows(values, 32))
    for number, value in enumerate(values):
        assert index.search(value, 0) == [Neighbour(number, 1, 0)]


def test_search_over_several_chunks_finds_entries_at_both_ends() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 256, (40_000, 32), dtype=np.uint8)
    index = FlatIndex(range(len(rows)), [1] * len(rows), rows)
    assert len(index) == 40_000
    for place in (0, 16_383, 16_384, 39_999):
        assert index.search(rows[place].tobytes(), 31) == [Neighbour(place, 1, 0)]


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_query_of_another_length_is_refused(length: int) -> None:
    rows = np.zeros((1, 32), np.uint8)
    for index in (FlatIndex([1], [1], rows), ExactIndex([1], [1], rows)):
        with pytest.raises(ValueError, match="32 bytes"):
            index.search(bytes(length), 0)
