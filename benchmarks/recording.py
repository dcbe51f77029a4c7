"""Recording of matches: one at a time, in requests of many, from many threads and processes."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, func, select

from benchmarks.measuring import Table, duration
from hashmatch.audit import verify
from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.lists import find_format, import_list
from hashmatch.screening import Query, Scanner
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.store.schema import AuditBatch, utc_now
from hashmatch.wiring import connect, open_scanner_with

_LISTED = 1_000
_SHARED = 5_000
_THREADS = 12
_PROCESSES = 2
_SECONDS = 5.0
_HOOK = {"url": "https://desk.example/", "secret": {"env": "HOOK"}}
_MD5, _PDQ = ALGORITHMS["md5"], ALGORITHMS["pdq"]
_NEAR = bytes(32)


def measure() -> list[Table]:
    """Record matches of listed hashes, with a case and a notification of each."""
    rows = list[tuple[str, ...]]()
    with tempfile.TemporaryDirectory() as name:
        rows += _measure_store("SQLite", _settings(Path(name), ""))
    # Imported here, since it comes with the tests' dependencies.
    from tests.postgresql import new_database

    with tempfile.TemporaryDirectory() as name, new_database() as url:
        settings = _settings(Path(name), url)
        rows += _measure_store("PostgreSQL", settings)
        rows += _measure_processes(settings)
    what = (
        "Look-ups of listed hashes, each under a content id of its own: its match, its case, a"
        " notification and the audit records of all three are committed. Statements are of one"
        " request. To reach: 1,000 matches/s in batches in one process, 500/s over two processes on"
        " one PostgreSQL, sealed within 2 s and verified; 1,000 listed hashes in 0.3 s; 5,000"
        " entries near a picture in 0.5 s."
    )
    columns = ("database", "recorded", "matches/s", "time", "processor", "statements")
    return [Table("Recording", what, columns, rows)]


def _measure_store(name: str, settings: Settings) -> Iterator[tuple[str, ...]]:
    _fill(settings)
    with open_scanner_with(settings) as scanner:
        scanner.lookup_many(_queries("warm", 3))
        yield _row(name, "one at a time", _one_at_a_time(scanner, 200))
        for number in (100, _LISTED):
            yield _row(name, f"{number} in a request", _in_a_request(scanner, number))
        yield _row(name, f"from {_THREADS} threads, one each", _from_threads(scanner, 2_400))
        shared = Query((Hash(_PDQ, _shared_value(), quality=100),), "shared")
        yield _row(name, f"a hash that {_SHARED} entries share", _measured(scanner, [shared], 1))
        near = Query((Hash(_PDQ, _NEAR, quality=100),), "near")
        yield _row(name, f"a picture near {_SHARED} entries", _measured(scanner, [near], _SHARED))


def _measure_processes(settings: Settings) -> Iterator[tuple[str, ...]]:
    """Record from several processes at once, as many as they can in a few seconds."""
    command = [sys.executable, "-m", "benchmarks.recording", str(settings.data_dir)]
    command.append(settings.database_url)
    with closing(connect(settings)) as database:
        began_s = time.perf_counter()
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(_PROCESSES)]
        oldest_s = 0.0
        while any(one.poll() is None for one in running):
            oldest_s = max(oldest_s, _oldest_unsealed_s(database))
            time.sleep(0.05)
        taken_s = time.perf_counter() - began_s
        recorded = [one.communicate()[0].split() for one in running]
        number = sum(int(one[0]) for one in recorded)
        rate = sum(int(one[0]) / float(one[1]) for one in recorded)
        what = f"from {_PROCESSES} processes of {_THREADS} threads, one each ({number})"
        yield "PostgreSQL", what, f"{rate:,.0f}", duration(taken_s), "", ""
        what = "the oldest record meanwhile that was not sealed"
        yield "PostgreSQL", what, "", duration(oldest_s), "", ""
        began_s = time.perf_counter()
        with database.reading() as session:
            found = verify(session, {})
        if found.problems:
            raise RuntimeError(f"the chain does not verify: {found.problems[:3]}")
        what = f"the chain of {found.records} records verified"
        yield "PostgreSQL", what, "", duration(time.perf_counter() - began_s), "", ""


def _oldest_unsealed_s(database: Database) -> float:
    with database.reading() as session:
        oldest = session.scalar(select(func.min(AuditBatch.at)))
    return 0.0 if oldest is None else (utc_now() - oldest).total_seconds()


def _work(folder: str, url: str) -> None:
    """Record from threads for some seconds, and print the number and the seconds."""
    with open_scanner_with(_settings(Path(folder), url)) as scanner:
        scanner.lookup_many(_queries(f"warm-{random.random()}", 3))
        name, until_s = f"work-{random.random()}", time.perf_counter() + _SECONDS

        def look_up(thread: int) -> int:
            number = 0
            while time.perf_counter() < until_s:
                value = _value((thread * 83 + number) % _LISTED)
                scanner.lookup([Hash(_MD5, value)], content_id=f"{name}/{thread}/{number}")
                number += 1
            return number

        with ThreadPoolExecutor(_THREADS) as pool:
            print(sum(pool.map(look_up, range(_THREADS))), _SECONDS)


_Measured = tuple[int, float, float, int]


def _one_at_a_time(scanner: Scanner, number: int) -> _Measured:
    begun_s, used_s = time.perf_counter(), time.process_time()
    with _statements() as made:
        for one in _queries("one", number):
            scanner.lookup_many([one])
    taken = time.perf_counter() - begun_s, time.process_time() - used_s
    return number, *taken, len(made) // number


def _in_a_request(scanner: Scanner, number: int) -> _Measured:
    return _measured(scanner, _queries(f"request-{number}", number), number)


def _measured(scanner: Scanner, queries: list[Query], matches: int) -> _Measured:
    begun_s, used_s = time.perf_counter(), time.process_time()
    with _statements() as made:
        scanner.lookup_many(queries)
    return matches, time.perf_counter() - begun_s, time.process_time() - used_s, len(made)


def _from_threads(scanner: Scanner, number: int) -> _Measured:
    begun_s, used_s = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda one: scanner.lookup_many([one]), _queries("thread", number)))
    return number, time.perf_counter() - begun_s, time.process_time() - used_s, 0


def _row(database: str, what: str, measured: _Measured) -> tuple[str, ...]:
    number, taken_s, used_s, statements = measured
    rate = f"{number / taken_s:,.0f}"
    return database, what, rate, duration(taken_s), duration(used_s), str(statements or "")


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Collect the statements of this thread: others seal the audit log."""
    made, own = list[str](), threading.get_ident()

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if threading.get_ident() == own:
            made.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield made
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _queries(name: str, number: int) -> list[Query]:
    return [
        Query((Hash(_MD5, _value(place % _LISTED)),), f"{name}/{place}") for place in range(number)
    ]


def _value(number: int) -> bytes:
    return random.Random(number).randbytes(16)


def _shared_value() -> bytes:
    return random.Random(_LISTED).randbytes(32)


def _settings(folder: Path, url: str) -> Settings:
    return Settings.model_validate(
        {
            "data_dir": folder,
            "database": {"url": url},
            "intake": {"isolation": "none"},
            "webhooks": {"desk": _HOOK},
        }
    )


def _fill(settings: Settings) -> None:
    """Import listed hashes, a hash that thousands share, and thousands near one picture."""
    rows = [f"md5,{_value(number).hex()},m{number}" for number in range(_LISTED)]
    rows += [f"pdq,{_shared_value().hex()},s{number}" for number in range(_SHARED)]
    for number in range(_SHARED):
        value = bytearray(_NEAR)
        for place in random.Random(number).sample(range(256), 20):
            value[place // 8] |= 1 << place % 8
        rows.append(f"pdq,{value.hex()},n{number}")
    database = connect(settings)
    try:
        if database.schema_revision() is None:
            upgrade(database)
        text = "\n".join(["algorithm,value,entry_id", *rows])
        stream = io.BytesIO(text.encode())
        import_list(database, "list", stream, find_format("list.csv"), source="benchmark")
    finally:
        database.close()


if __name__ == "__main__":
    _work(*sys.argv[1:])
