"""`python -m benchmarks`: run all benchmarks, print the tables and write RESULTS.md."""

from __future__ import annotations

from pathlib import Path

from benchmarks import following, hashing, importing, index, intake, starting
from benchmarks.measuring import machine

_BENCHMARKS = (starting, hashing, intake, importing, index, following)
_RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Measure everything."""
    parts = [f"# Results\n\nMade by `make bench` on {machine()}.\n"]
    for benchmark in _BENCHMARKS:
        for table in benchmark.measure():
            parts.append(table.as_markdown())
            print(parts[-1], flush=True)
    _RESULTS.write_text("\n".join(parts), encoding="utf-8")


main()
