"""A publication that is killed at any step goes on, and consumers end with what the list has."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from hashmatch.config import Settings
from hashmatch.sharing import publish_changes, publish_list, publishing
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list
from hashmatch.store.sharing import Visibility, read_shared, read_standing
from tests.store.importing import DatabaseFactory, import_text

# For each step and database on stdin a copy of this process publishes until that many calls.
# Calls of functions from one kill to the next.
_CALLS = 29
_PUBLISH_UNTIL = """
import os, signal, sys
import hashmatch
from hashmatch.sharing import publish_list
from hashmatch.store.engine import Database, Turns

own = os.path.dirname(hashmatch.__file__) + os.sep

def publish(last, url):
    done = 0
    def count(frame, event, argument):
        nonlocal done
        done += event == "call" and frame.f_code.co_filename.startswith(own)
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)
    database = Database(url)
    sys.setprofile(count)
    publish_list(database, 1)
    sys.setprofile(None)

for line in sys.stdin:
    step, url = line.split()
    child = os.fork()
    if not child:
        try:
            publish(int(step), url)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class _Consumer:
    """What a consumer has, by the positions that it has read."""

    def __init__(self) -> None:
        self.entries: set[str] = set()
        self._since = 0

    def pull(self, database: Database) -> None:
        with database.reading() as session:
            row = find_list(session, "one")
            until = read_standing(session, row.key).position
            after = self._since
            while after < until:
                page = read_shared(
                    session, row, Visibility(), after=after, until=until, since=self._since, limit=7
                )
                for one in page.items:
                    if one.is_withdrawn:
                        self.entries.discard(one.entry_id)
                    else:
                        assert one.hashes
                        self.entries.add(one.entry_id)
                after = page.position
            self._since = until


@contextmanager
def _publishing() -> Iterator[tuple[IO[str], IO[str]]]:
    with subprocess.Popen(
        [sys.executable, "-c", _PUBLISH_UNTIL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout
        process.stdin.close()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_publication_goes_on_where_it_was_killed(
    database_factory: DatabaseFactory,
) -> None:
    step, has_ended = 0, False
    with _publishing() as (stdin, stdout):
        while not has_ended:
            step += _CALLS
            with database_factory() as database:
                consumer = _Consumer()
                import_text(database, "one", _list(range(1, 30)))
                publish_list(database, 1)
                consumer.pull(database)
                assert consumer.entries == _ids(range(1, 30))
                import_text(database, "one", _list(range(20, 60)))
                stdin.write(f"{step} {database.url}\n")
                stdin.flush()
                code = int(stdout.readline())
                assert code in (0, -signal.SIGKILL)
                has_ended = code == 0
                # A consumer that pulls between two steps misses nothing of the later ones.
                consumer.pull(database)
                publish_list(database, 1)
                consumer.pull(database)
                assert consumer.entries == _ids(range(20, 60))
    assert step > 2 * _CALLS


def test_it_publishes_what_others_change_meanwhile(database: Database) -> None:
    consumer = _Consumer()
    for first in (1, 5, 3, 40, 2):
        import_text(database, "one", _list(range(first, first + 20)))
        publish_list(database, 1)
        consumer.pull(database)
        assert consumer.entries == _ids(range(first, first + 20))


def test_changed_contents_are_published(database: Database) -> None:
    for category in ("A1", "B2"):
        text = f"algorithm,value,entry_id,category\nmd5,{1:032x},e1,{category}\n"
        import_text(database, "one", text)
        publish_list(database, 1)
        with database.reading() as session:
            row = find_list(session, "one")
            until = read_standing(session, row.key).position
            page = read_shared(session, row, Visibility(), after=0, until=until, since=0, limit=10)
        assert [one.category for one in page.items] == [category]


def test_entries_without_an_id_are_published(database: Database) -> None:
    consumer = _Consumer()
    import_text(database, "one", f"algorithm,value\nmd5,{1:032x}\nmd5,{2:032x}\n")
    publish_list(database, 1)
    consumer.pull(database)
    assert len(consumer.entries) == 2
    import_text(database, "one", f"algorithm,value\nmd5,{2:032x}\n")
    publish_list(database, 1)
    consumer.pull(database)
    assert len(consumer.entries) == 1


def test_a_list_without_changes_costs_no_turn(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(database, "one", _list(range(1, 4)))
    lists = {"one": {"redistribute": True}}
    settings = Settings.model_validate({"sharing": {"enabled": True, "lists": lists}})
    publish_changes(database, settings)
    monkeypatch.setattr(publishing, "_publish_turn", pytest.fail)
    publish_changes(database, settings)


def _list(numbers: range) -> str:
    return "algorithm,value,entry_id\n" + "".join(f"md5,{one:032x},e{one}\n" for one in numbers)


def _ids(numbers: range) -> set[str]:
    return {f"e{one}" for one in numbers}
