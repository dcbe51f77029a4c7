"""A sync that is killed leaves the old list or the new one, and the next one makes it new."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

import pytest
from sqlalchemy import update

from hashmatch.lists import FileSource, NCMECSource, find_format, sync_list
from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.store.schema.lists import ListSync
from tests.lists.exchanges import NCMECServer
from tests.lists.loopback import serving
from tests.lists.sources import active_numbers
from tests.store.importing import DatabaseFactory

# For each step and database on stdin a copy of this process syncs until that many calls of ours.
_SYNC_UNTIL = """
import os, signal, sys
from pathlib import Path
import hashmatch
from hashmatch.lists import FileSource, NCMECSource, find_format, sync_list
from hashmatch.store.engine import Database

kind, place = sys.argv[1:]
# A checkout may have the same name, with the libraries inside.
own = os.path.dirname(hashmatch.__file__) + os.sep

def sync(last, url):
    if kind == "file":
        source = FileSource(Path(place), find_format)
    else:
        source = NCMECSource(place, ("user", "secret-of-ncmec"))
    done = 0
    def count(frame, event, argument):
        nonlocal done
        done += event == "call" and frame.f_code.co_filename.startswith(own)
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)
    database = Database(url)
    sys.setprofile(count)
    sync_list(database, "one", source)
    sys.setprofile(None)

for line in sys.stdin:
    step, url = line.split()
    child = os.fork()
    if not child:
        try:
            sync(int(step), url)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class _Syncing:
    """Syncs in processes that are killed at a step, copied from one that is loaded once."""

    def __init__(self, stdin: IO[str], stdout: IO[str]) -> None:
        self._stdin, self._stdout = stdin, stdout

    @classmethod
    @contextmanager
    def of(cls, kind: str, place: str) -> Iterator[Self]:
        with subprocess.Popen(
            [sys.executable, "-c", _SYNC_UNTIL, kind, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            yield cls(process.stdin, process.stdout)
            process.stdin.close()

    def until(self, step: int, database: Database) -> bool:
        """Sync until that step; says whether the sync ended before."""
        self._stdin.write(f"{step} {database.url}\n")
        self._stdin.flush()
        code = int(self._stdout.readline())
        assert code in (0, -signal.SIGKILL)
        with database.writing() as session:  # Time passes, and with it the lease of the dead.
            session.execute(update(ListSync).values(leased_until=utc_now()))
        return code == 0


@pytest.mark.parametrize("calls", [300, pytest.param(50, marks=pytest.mark.long)])
def test_a_file(database_factory: DatabaseFactory, tmp_path: Path, calls: int) -> None:
    path = tmp_path / "list.csv"
    source = FileSource(path, find_format)
    step, has_ended = 0, False
    with _Syncing.of("file", str(path)) as syncing:
        while not has_ended:
            step += calls
            with database_factory() as database:
                path.write_text(_list(1, 2))
                sync_list(database, "one", source)
                path.write_text(_list(2, 3))
                has_ended = syncing.until(step, database)
                assert active_numbers(database) in ([1, 2], [2, 3])
                sync_list(database, "one", source)
                assert active_numbers(database) == [2, 3]
    assert step > 200


def _list(*numbers: int) -> str:
    rows = [f"md5,{number:032x},e{number}\n" for number in numbers]
    return "".join(["algorithm,value,entry_id\n", *rows])


@pytest.mark.sqlite
@pytest.mark.parametrize("calls", [1_000, pytest.param(100, marks=pytest.mark.long)])
def test_the_windows_of_an_exchange(database_factory: DatabaseFactory, calls: int) -> None:
    step, has_ended = 0, False
    with serving(NCMECServer()) as server, _Syncing.of("ncmec", server.url) as syncing:
        source = NCMECSource(server.url, (server.username, server.password), wait_s=0.001)
        while not has_ended:
            step += calls
            server.clear()
            with database_factory() as database:
                _fill(server, range(1, 9))
                sync_list(database, "one", source)
                server.pass_time(days=40)
                _fill(server, range(9, 16))
                server.put("picture3", None)
                server.pass_time(days=40)
                has_ended = syncing.until(step, database)
                sync_list(database, "one", source)
                assert set(active_numbers(database)) == server.numbers
    assert step >= 1_000


def _fill(server: NCMECServer, numbers: range) -> None:
    for number in numbers:
        server.put(f"picture{number}", number)
        server.pass_time(hours=7)
