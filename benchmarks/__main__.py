"""`python -m benchmarks [NAME...]`: run them all, or some, print the tables and keep RESULTS.md."""

from __future__ import annotations

import sys
from itertools import chain

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
    long,
    prompts,
    provenance,
    recording,
    retained,
    scale,
    service,
    sharing,
    starting,
)
from benchmarks.measuring import Table
from benchmarks.results import keep, keep_all

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


def main(names: list[str]) -> None:
    """Measure; the tables of benchmarks that were not asked for stay as they are."""
    if unknown := set(names) - set(_BENCHMARKS):
        sys.exit(f"there is no benchmark {', '.join(unknown)}, only {', '.join(_BENCHMARKS)}")
    found: list[Table] = []
    for name in names or _BENCHMARKS:
        for table in _BENCHMARKS[name].measure():
            found.append(table)
            print(table.as_markdown(), flush=True)
    if names:
        keep(found)
    else:
        # Measured over pictures that are not there each time, or for an hour.
        keep_all(found, {*effect.TITLES, *chain.from_iterable(long.TITLES.values())})


main(sys.argv[1:])
