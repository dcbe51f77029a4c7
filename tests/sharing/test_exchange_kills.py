"""Sending that is killed at any step goes on: nothing is lost, and withdrawals follow."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from hashmatch.sharing import publish_changes
from tests.sharing.sending import KINDS, Platform, There, exchange, values
from tests.store.importing import DatabaseFactory

# For each line on stdin a copy of this process sends until that many calls.
# Calls of functions from one kill to the next.
_CALLS = 199
_SEND_UNTIL = """
import json, os, signal, sys
import hashmatch
from hashmatch.config import Settings
from hashmatch.sharing import send_to_exchange
from hashmatch.store.engine import Database

own = os.path.dirname(hashmatch.__file__) + os.sep

def send(last, document):
    done = 0
    def count(frame, event, argument):
        nonlocal done
        done += event in ("call", "return") and frame.f_code.co_filename.startswith(own)
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)
    settings = Settings.model_validate(document)
    database = Database(document["database"]["url"])
    sys.setprofile(count)
    send_to_exchange(database, settings, "there")
    sys.setprofile(None)

for line in sys.stdin:
    step, document = json.loads(line)
    child = os.fork()
    if not child:
        try:
            send(step, document)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@contextmanager
def _sending(kind: str, folder: Path) -> Iterator[tuple[IO[str], IO[str]]]:
    # With its secrets in the environment.
    KINDS[kind](folder)
    with subprocess.Popen(
        [sys.executable, "-c", _SEND_UNTIL],
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
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", KINDS)
def test_sending_goes_on_where_it_was_killed(
    database_factory: DatabaseFactory, tmp_path: Path, kind: str
) -> None:
    step, has_ended = 0, False
    with _sending(kind, tmp_path) as (stdin, stdout):
        while not has_ended:
            step += _CALLS
            with database_factory() as database, exchange(kind, tmp_path) as there:
                platform = Platform(database, there.section)
                first, _ = platform.add(1), platform.add(2)
                platform.send()
                platform.add(3)
                platform.withdraw(first)
                publish_changes(database, platform.settings)
                stdin.write(json.dumps([step, platform.document()]) + "\n")
                stdin.flush()
                code = int(stdout.readline())
                assert code in (0, -signal.SIGKILL)
                has_ended = code == 0
                _require_the_rest_follows(platform, there)
    assert step > 2 * _CALLS


def _require_the_rest_follows(platform: Platform, there: There) -> None:
    # A new entry is withdrawn before anybody knows whether it arrived.
    fourth = platform.add(4)
    platform.send()
    assert there.has() == values(2, 3, 4, algorithms=there.algorithms)
    platform.withdraw(fourth)
    platform.send()
    assert there.has() == values(2, 3, algorithms=there.algorithms)
    assert platform.unsent() == []


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_killed_process_may_have_sent_can_be_withdrawn(
    database_factory: DatabaseFactory, tmp_path: Path, kind: str
) -> None:
    step, has_ended = 0, False
    with _sending(kind, tmp_path) as (stdin, stdout):
        while not has_ended:
            step += 331
            with database_factory() as database, exchange(kind, tmp_path) as there:
                platform = Platform(database, there.section)
                entry = platform.add(1)
                publish_changes(database, platform.settings)
                stdin.write(json.dumps([step, platform.document()]) + "\n")
                stdin.flush()
                has_ended = int(stdout.readline()) == 0
                platform.withdraw(entry)
                platform.send()
                assert there.has() == set()
                assert platform.unsent() == []
    assert step > 331
