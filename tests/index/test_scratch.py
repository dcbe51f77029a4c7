"""Building a large segment with a folder for temporary files: the same, in less memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hashmatch.errors import IndexFolderError
from hashmatch.hashes import Algorithm, Kind
from hashmatch.index import Entries, HammingSegment

_ROWS = 5_000


def _algorithm(length: int) -> Algorithm:
    return Algorithm("made-up", "1", 8 * length, Kind.PERCEPTUAL, length)


def _entries(length: int, *, distinct: int) -> Entries:
    """Return entries in no order, the values of which are some different ones, over and over."""
    rng = np.random.default_rng(length)
    different = rng.integers(0, 256, (distinct, length), dtype=np.uint8)
    values = different[rng.integers(0, distinct, _ROWS)]
    return Entries(rng.permutation(_ROWS), rng.integers(1, 4, _ROWS), values)


@pytest.fixture(autouse=True)
def _with_tables_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashmatch.index.tables._ROWS_IN_MEMORY", 0)
    monkeypatch.setattr("hashmatch.index.hamming.best_number_of_pieces", lambda *_: 5)
    monkeypatch.setattr("hashmatch.index.hamming._ROWS_AT_ONCE", 999)


@pytest.mark.parametrize("length", [5, 8, 32])
@pytest.mark.parametrize("distinct", [1, 300, _ROWS])
def test_it_is_the_segment_that_is_built_in_memory(
    length: int, distinct: int, tmp_path: Path
) -> None:
    expected = HammingSegment.build(_algorithm(length), _entries(length, distinct=distinct))
    entries = _entries(length, distinct=distinct)
    found = HammingSegment.build(_algorithm(length), entries, tmp_path)
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert np.array_equal(found.arrays[name], array), name
        assert found.arrays[name].dtype == array.dtype


def test_it_uses_the_memory_of_the_values_only_where_it_may(tmp_path: Path) -> None:
    entries = _entries(32, distinct=_ROWS)
    before = entries.values.copy()
    HammingSegment.build(_algorithm(32), entries)
    assert np.array_equal(entries.values, before)
    entries.values.flags.writeable = False
    HammingSegment.build(_algorithm(32), entries, tmp_path)
    assert np.array_equal(entries.values, before)


def test_no_file_is_left(tmp_path: Path) -> None:
    segment = HammingSegment.build(_algorithm(8), _entries(8, distinct=_ROWS), tmp_path)
    assert len(segment)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="missing: a temporary file cannot be written"):
        HammingSegment.build(_algorithm(8), _entries(8, distinct=_ROWS), tmp_path / "missing")
