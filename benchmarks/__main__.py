"""`python -m benchmarks [NAME...]`: run them all, or some, print the tables and keep RESULTS.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmarks import (
    backfill,
    beside,
    cases,
    console,
    documents,
    effect,
    fixed_cost,
    following,
    gate,
    growth,
    hashing,
    importing,
    index,
    intake,
    large,
    prompts,
    provenance,
    recording,
    retained,
    scale,
    service,
    sharing,
    starting,
)
from benchmarks.measuring import machine

_BENCHMARKS = {
    one.__name__.rpartition(".")[2]: one
    for one in (
        starting,
        hashing,
        intake,
        fixed_cost,
        importing,
        documents,
        large,
        index,
        following,
        service,
        gate,
        backfill,
        retained,
        scale,
        prompts,
        provenance,
        recording,
        beside,
        cases,
        console,
        sharing,
        growth,
        effect,
    )
}
_RESULTS = Path(__file__).with_name("RESULTS.md")


def main(names: list[str]) -> None:
    """Measure; the tables of benchmarks that were not asked for stay as they are."""
    if unknown := set(names) - set(_BENCHMARKS):
        sys.exit(f"there is no benchmark {', '.join(unknown)}, only {', '.join(_BENCHMARKS)}")
    before = _read()
    if not names:
        # Measured over pictures that are not there each time.
        before = {title: table for title, table in before.items() if title in effect.TITLES}
    found: dict[str, str] = {}
    for name in names or _BENCHMARKS:
        for table in _BENCHMARKS[name].measure():
            found[table.title] = table.as_markdown()
            print(found[table.title], flush=True)
    tables = {**before, **found} if names else {**found, **before, **found}
    head = f"# Results\n\nMade by `make bench` on {machine()}.\n"
    _RESULTS.write_text("\n".join([head, *tables.values()]), encoding="utf-8")


def _read() -> dict[str, str]:
    """Return the tables that are there, by title."""
    _, *parts = re.split(r"^(?=## )", _RESULTS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {part.partition("\n")[0].removeprefix("## "): f"{part.rstrip()}\n" for part in parts}


main(sys.argv[1:])
