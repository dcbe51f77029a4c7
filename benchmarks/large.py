"""A list of ten million hashes: its import with its index, and what is done with it then."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.hashes import realistic
from benchmarks.measuring import Table, run_process

_ROWS = int(os.environ.get("HASHMATCH_LARGE", "10000000"))
_CHUNK = 500_000


def measure() -> list[Table]:
    """Run the commands one after the other, each in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: those that follow inherit the most memory of this one.
        run_process(folder, sys.executable, "-m", "benchmarks.large", str(folder / "large.csv"))
        (folder / "hashmatch.toml").write_text(f'data_dir = "{folder}"\n', encoding="utf-8")
        _run(folder, "db", "upgrade")
        value = bytes(range(32)).hex()
        works: dict[str, Sequence[str]] = {
            "import, with its index": ("lists", "import", "large", "large.csv"),
            "`lists status`": ("lists", "status"),
            "one entry disabled, with the index": ("lists", "disable", "large", "e5"),
            "look-up of one hash": ("lookup", f"pdq:{value}"),
            "the same file imported again": ("lists", "import", "large", "large.csv"),
        }
        rows = [(what, *_run(folder, *work)) for what, work in works.items()]
    what = (
        f"Whole processes of `hashmatch` on SQLite, with a CSV file of {_ROWS:,} PDQ hashes with"
        " ids. What is not of files the system cannot take back: an index is mapped from its file."
        " To reach: the import in 200 s and 1,000 MB, the status in 0.5 s."
    )
    columns = ("command", "time", "most memory", "of it not of files")
    return [Table("A list of ten million hashes", what, columns, rows)]


def _run(folder: Path, *command: str) -> tuple[str, ...]:
    one = run_process(folder, sys.executable, "-m", "hashmatch", *command)
    return f"{one.time_s:.1f} s", f"{one.megabytes:,.0f} MB", f"{one.own_megabytes:,.0f} MB"


def _write(file: Path) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.write("algorithm,value,entry_id\n")
        for start in range(0, _ROWS, _CHUNK):
            for place, one in enumerate(realistic(min(_CHUNK, _ROWS - start), seed=start), start):
                stream.write(f"pdq,{bytes(one).hex()},e{place}\n")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
