"""Retained hashes of many uploads, compared with the new entries of a list."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.hashes import unrelated
from benchmarks.measuring import Table
from hashmatch.retained import RetainedFolder
from hashmatch.retained.folder import schema_of, write_table

_HASHES, _ENTRIES, _PLANTED = 100_000_000, 10_000, 50
_ROWS_A_FILE = 2_000_000
_SEED, _ENTRIES_SEED = 400_000, 500_000
_AT = 1_790_000_000


def measure() -> list[Table]:
    """Measure one command, its start and its look-ups included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "hashmatch"]
        run = subprocess.run
        run([*command, "init", "--data-dir", "data"], cwd=folder, check=True, capture_output=True)
        config = folder / "hashmatch.toml"
        config.write_text(
            f"{config.read_text()}[retained_hashes]\nenabled = true\nmax_age_days = 9999\n"
        )
        planted = _retain(RetainedFolder(folder / "data" / "retained"))
        entries = unrelated(_ENTRIES - _PLANTED, np.random.default_rng(_ENTRIES_SEED))
        rows = [one.tobytes().hex() for one in (*planted, *entries)]
        (folder / "list.csv").write_text(
            "\n".join(["algorithm,value", *(f"pdq,{r}" for r in rows)])
        )
        run([*command, "lists", "import", "list", "list.csv"], cwd=folder, check=False,
            capture_output=True)  # fmt: skip
        begun_s = time.perf_counter()
        ran = run(
            [*command, "backfill", "--hashes", "--json"], cwd=folder, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        took_s = time.perf_counter() - begun_s
        matched = len(ran.stdout.splitlines())
        if matched < _PLANTED:
            raise SystemExit(f"{matched} of {_PLANTED} planted copies were found: {ran.stderr}")
        size = sum(one.stat().st_size for one in (folder / "data").rglob("*.parquet"))
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    what = (
        f"{_HASHES:,} retained PDQ hashes ({size / 1e9:.1f} GB), compared with {_ENTRIES:,} new"
        f" entries by one command on {os.cpu_count()} cores; {_PLANTED} of the uploads were copies"
        " of entries. To reach: 10 minutes."
    )
    row = (f"{took_s / 60:.1f} min", f"{_HASHES / took_s / 1e6:.2f} million/s", f"{matched:,}",
           f"{peak_mb:,.0f} MB")  # fmt: skip
    return [Table("Retained hashes", what, ("time", "hashes", "uploads matched", "peak"), [row])]


def _retain(folder: RetainedFolder) -> list[NDArray[np.uint8]]:
    """Write the hashes of uploads, and return copies of a few of them."""
    rng = np.random.default_rng(_SEED)
    day = folder.path / "2026-09-21"
    day.mkdir()
    planted: list[NDArray[np.uint8]] = []
    for number, values in enumerate(_blocks(rng)):
        names = np.arange(len(values)) + number * _ROWS_A_FILE
        table = pa.table(
            {
                "content_id": pa.array([f"post/{one}" for one in names.tolist()]),
                "at": pa.array(np.full(len(values), _AT)),
                "value": pa.FixedSizeBinaryArray.from_buffers(
                    pa.binary(32), len(values), [None, pa.py_buffer(values)]
                ),
                "frame": pa.array(np.zeros(len(values), np.int32)),
                "view": pa.array(["full"] * len(values)).dictionary_encode(),
                "rendering": pa.array(np.zeros(len(values), np.int32)),
                "quality": pa.array(np.full(len(values), 100, np.int16)),
            }
        ).cast(schema_of("pdq"))
        write_table(day / f"pdq-{number:04}.parquet", table)
        if len(planted) < _PLANTED:
            planted.append(_turned(values[7], rng))
    while len(planted) < _PLANTED:
        planted.append(_turned(values[len(planted)], rng))
    return planted


def _blocks(rng: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    """Yield hashes of pictures, with a sixteenth of the bits turned from block to block."""
    base = unrelated(_ROWS_A_FILE, rng)
    for _ in range(_HASHES // _ROWS_A_FILE):
        mask = np.full(base.shape, 255, np.uint8)
        for _ in range(4):
            mask &= rng.integers(0, 256, base.shape, dtype=np.uint8)
        yield base ^ mask


def _turned(value: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a hash with 12 bits turned, as that of a copy."""
    bits = np.unpackbits(value)
    bits[rng.choice(len(bits), 12, replace=False)] ^= 1
    return np.packbits(bits)
