"""Claims about look-ups without compiled loops: they find the same, and are few."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.config import Settings
from hashmatch.index import LiveIndex, few, kernels
from hashmatch.index.hamming import _permutation
from hashmatch.store.engine import Database
from tests import oracle
from tests.pictures import list_of
from tests.store.importing import import_text

_BYTES = 32
_VALUES = st.lists(st.binary(min_size=_BYTES, max_size=_BYTES), min_size=1, max_size=20)


def _array(values: list[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(values), np.uint8).reshape(len(values), _BYTES)


@given(_VALUES, _VALUES, st.integers(0, 256))
def test_they_find_what_the_oracle_and_the_loops_find(
    listed: list[bytes], asked: list[bytes], threshold_bits: int
) -> None:
    order = np.random.default_rng(len(listed)).permutation(8 * _BYTES)
    table = _permutation(order, 8 * _BYTES)
    rows, queries = (few.permute_bits(_array(values), table) for values in (listed, asked))
    assert rows.tolist() == kernels.permute_bits(_array(listed), table).tolist()
    found = few.scan(queries, rows, threshold_bits)
    of_loops = kernels.scan(queries, np.ascontiguousarray(rows.T), threshold_bits)
    assert _every(found) == _every(of_loops)
    for number, query in enumerate(asked):
        own = sorted((bits, row) for asked_by, row, bits in _every(found) if asked_by == number)
        assert own == oracle.near(listed, query, threshold_bits)


def _every(near: few.NearRows) -> set[tuple[int, int, int]]:
    queries, rows, distances_bits = (column.tolist() for column in near)
    return set(zip(queries, rows, distances_bits, strict=True))


# Looks an image up again and again, and prints after which look-up the loops are there.
_LOOK_UP = """
import sys
from pathlib import Path
from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.outcome import Clear
from hashmatch.wiring import open_scanner_with
settings = Settings.model_validate({"data_dir": Path(sys.argv[1]), "intake": {"isolation": "none"}})
loaded = []
with open_scanner_with(settings) as scanner:
    for number in range(20):
        found = scanner.lookup([Hash(ALGORITHMS["pdq"], bytes(range(32)), 100)], content_id="x")
        assert isinstance(found, Clear), found
        loaded.append("numba" in sys.modules)
print(loaded.index(True))
"""


def test_a_process_that_looks_up_more_than_a_few_loads_the_loops(
    settings: Settings, database: Database, live: LiveIndex
) -> None:
    import_text(database, "one", list_of(1))
    live.snapshot()
    command = [sys.executable, "-c", _LOOK_UP, str(settings.data_dir)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 20
