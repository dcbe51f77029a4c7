"""A sync that is killed leaves the old list or the new one, and the next one makes it new."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import update

from hashmatch.lists import FileSource, NCMECSource, find_format, sync_list
from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.store.schema.lists import ListSync
from tests.lists.exchanges import EPOCH, NCMECServer
from tests.lists.loopback import serving
from tests.lists.sources import active_numbers
from tests.store.importing import DatabaseFactory

# Counts the calls of our functions and dies at one of them.
_KILLED = """
import os, signal, sys
from pathlib import Path
from hashmatch.lists import FileSource, NCMECSource, find_format, sync_list
from hashmatch.store import Database
url, step, kind, place = sys.argv[1:]
if kind == "file":
    source = FileSource(Path(place), find_format)
else:
    source = NCMECSource(place, ("user", "secret-of-ncmec"))
done = 0
def count(frame, event, argument):
    global done
    done += event == "call" and "hashmatch" in frame.f_code.co_filename
    if done == int(step):
        os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(count)
sync_list(Database(url), "one", source)
sys.setprofile(None)
"""


def _sync_and_die(database: Database, step: int, kind: str, place: str) -> bool:
    """Sync in another process that is killed at that step; says whether it ended before."""
    command = [sys.executable, "-c", _KILLED, database.url, str(step), kind, place]
    code = subprocess.run(command, check=False, timeout=60).returncode
    assert code in (0, -signal.SIGKILL)
    with database.writing() as session:  # Time passes, and with it the lease of the dead.
        session.execute(update(ListSync).values(leased_until=utc_now()))
    return code == 0


def test_a_file(database_factory: DatabaseFactory, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    source = FileSource(path, find_format)
    step, has_ended = 0, False
    while not has_ended:
        step += 50
        with database_factory() as database:
            path.write_text(_list(1, 2))
            sync_list(database, "one", source)
            path.write_text(_list(2, 3))
            has_ended = _sync_and_die(database, step, "file", str(path))
            assert active_numbers(database) in ([1, 2], [2, 3])
            sync_list(database, "one", source)
            assert active_numbers(database) == [2, 3]
    assert step > 200


def _list(*numbers: int) -> str:
    rows = [f"md5,{number:032x},e{number}\n" for number in numbers]
    return "".join(["algorithm,value,entry_id\n", *rows])


@pytest.mark.sqlite
def test_the_windows_of_an_exchange(database_factory: DatabaseFactory) -> None:
    step, has_ended = 0, False
    with serving(NCMECServer()) as server:
        source = NCMECSource(server.url, (server.username, server.password), wait_s=0.001)
        while not has_ended:
            step += 200
            server.items.clear()
            server.clock = EPOCH
            with database_factory() as database:
                _fill(server, range(1, 9))
                sync_list(database, "one", source)
                server.pass_time(days=40)
                _fill(server, range(9, 16))
                server.put("picture3", None)
                server.pass_time(days=40)
                has_ended = _sync_and_die(database, step, "ncmec", server.url)
                sync_list(database, "one", source)
                assert set(active_numbers(database)) == server.numbers
    assert step >= 1_000


def _fill(server: NCMECServer, numbers: range) -> None:
    for number in numbers:
        server.put(f"picture{number}", number)
        server.pass_time(hours=7)
