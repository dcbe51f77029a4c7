"""What a gate adds to a generator, for pictures that are in memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hashes import realistic
from benchmarks.measuring import Table, duration
from benchmarks.photographs import photograph
from hashmatch.config import Settings
from hashmatch.gate import ImageGate
from hashmatch.hashes import Level
from hashmatch.lists import find_format, import_list
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.wiring import open_scanner_with

_ENTRIES = 1_000_000
_SIDE, _AT_ONCE, _TURNS = 1024, 16, 15
_GRAIN = 8.0
# Of no drawing that the list is made of.
_SEED = 100_000


def measure() -> list[Table]:
    """Measure `ImageGate.check` of one picture and of a batch, at each level, best of many."""
    pictures = [
        photograph(_SEED + number, _SIDE, _SIDE, grain=_GRAIN, colours=3)
        for number in range(_AT_ONCE)
    ]
    floats = np.stack([np.asarray(one) for one in pictures]).astype(np.float32) / 255
    given: dict[str, Any] = {
        "Pillow, one": pictures[0],
        "floats, one": floats[:1],
        f"Pillow, {_AT_ONCE} at once": pictures,
        f"floats, {_AT_ONCE} at once": floats,
    }
    with _gate() as gates:
        rows = [
            (name, *(time for level in Level for time in _best(gates[level], images)))
            for name, images in given.items()
        ]
    what = (
        f"`ImageGate.check` of clear pictures of {_SIDE} × {_SIDE} with grain, beside a list of"
        f" {_ENTRIES:,} PDQ hashes, best of {_TURNS}: the time that a generator waits on two"
        " cores, and the processor time. To reach at the level standard: 8 ms for one on one core,"
        f" {_AT_ONCE} at once in 80 ms."
    )
    columns = (of for level in Level for of in (f"{level.value}, time", "processor"))
    return [Table("A gate", what, ("pictures", *columns), rows)]


def _best(gate: ImageGate, images: Any) -> tuple[str, str]:
    assert gate.check(images).are_all_shown
    times, processor = [], []
    for _ in range(_TURNS):
        begun_s, used_s = time.perf_counter(), time.process_time()
        gate.check(images)
        times.append(time.perf_counter() - begun_s)
        processor.append(time.process_time() - used_s)
    return duration(min(times)), duration(min(processor))


@contextmanager
def _gate() -> Iterator[dict[Level, ImageGate]]:
    """Return a gate at each level, over a list of many entries."""
    with tempfile.TemporaryDirectory() as name:
        settings = Settings.model_validate({"data_dir": Path(name)})
        file = Path(name) / "list.csv"
        with file.open("w") as stream:
            stream.write("algorithm,value\n")
            stream.writelines(f"pdq,{one.tobytes().hex()}\n" for one in realistic(_ENTRIES, seed=1))
        with closing(Database(settings.database_url)) as database, file.open("rb") as stream:
            upgrade(database)
            import_list(database, "list", stream, find_format("list.csv"), source="benchmark")
        with open_scanner_with(settings) as scanner:
            yield {level: ImageGate(scanner, level=level, budget_s=60) for level in Level}
