"""Distances of many hashes at once, against those of the oracle."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.evaluate.distances import distances, smallest_distances, words_of


def _distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


@given(
    st.sampled_from([8, 18, 32]).flatmap(
        lambda length: st.tuples(
            *(st.lists(st.binary(min_size=length, max_size=length), min_size=1, max_size=9),) * 2
        )
    )
)
def test_the_nearest_query_of_each_entry_is_found(hashes: tuple[list[bytes], list[bytes]]) -> None:
    queries, entries = hashes
    expected = [min(_distance(query, entry) for query in queries) for entry in entries]
    assert smallest_distances(words_of(queries), words_of(entries)).tolist() == expected
    to_first = [_distance(queries[0], entry) for entry in entries]
    assert distances(words_of(queries)[0], words_of(entries)).tolist() == to_first


def test_more_entries_than_fit_into_a_block_are_compared() -> None:
    generator = np.random.default_rng(1)
    queries = generator.integers(0, 2**63, (130, 4), np.uint64)
    entries = generator.integers(0, 2**63, (600, 4), np.uint64)
    found = smallest_distances(queries, entries)
    assert found[-1] == min(distances(one, entries[-1:])[0] for one in queries)
