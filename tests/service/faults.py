"""Load on a service, its answers and records, and services under settings that never tire."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.matches import MatchFilter, read_matches
from hashmatch.store.migrations import upgrade
from tests.pictures import drawn, list_of
from tests.service.serving import (
    PATIENCE_S,
    serving,
)
from tests.store.importing import import_text

LISTED, UNLISTED = (1, 2, 3), (9, 10, 11)
# Scanned again and again, so that they are drawn only once.
PICTURES = {seed: drawn(seed) for seed in (*LISTED, *UNLISTED)}


class Load:
    """Threads that scan without end, each picture under a name of its own, and their answers.

    A scan without a verdict is repeated under the same name, as clients are asked to do.
    """

    def __init__(self, urls: list[str], headers: dict[str, str], threads: int = 2) -> None:
        self._urls, self._headers = urls, headers
        self._is_over = threading.Event()
        self._changed = threading.Condition()
        self._numbers = iter(range(10**9))
        self.wrong: list[str] = []
        self.verdicts: dict[str, frozenset[str]] = {}
        self.reasons: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for one in self._threads:
            one.join()

    def await_verdicts(self, number: int) -> None:
        """Wait until this many more pictures got a verdict."""
        wanted = len(self.verdicts) + number
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.verdicts) >= wanted, PATIENCE_S)
        assert found, f"no verdicts any more: {self.reasons}"

    def await_failure(self, reason: str) -> None:
        """Wait until one more scan got no verdict for this reason."""
        seen = self.reasons[reason]
        with self._changed:
            found = self._changed.wait_for(lambda: self.reasons[reason] > seen, PATIENCE_S)
        assert found, f"nothing failed for that reason: {self.reasons}"

    def _run(self) -> None:
        with httpx.Client(headers=self._headers, timeout=PATIENCE_S, verify=False) as client:
            while not self._is_over.is_set():
                with self._changed:
                    number = next(self._numbers)
                seed = (*LISTED, *UNLISTED)[number % 6]
                self._screen(client, f"post/{number}", seed, self._urls[number % len(self._urls)])

    def _screen(self, client: httpx.Client, name: str, seed: int, url: str) -> None:
        while True:
            try:
                answer = client.post(
                    f"{url}/v1/scan", params={"content_id": name}, content=PICTURES[seed]
                )
            except httpx.TransportError as error:
                self._note(type(error).__name__)
            else:
                body = answer.json()
                if body.get("outcome") in ("clear", "matched"):
                    self._check(name, seed, answer.status_code, body)
                    return
                self._note(str(body.get("reason") or answer.status_code))
            if self._is_over.wait(0.2):
                return

    def _note(self, reason: str) -> None:
        with self._changed:
            self.reasons[reason] += 1
            self._changed.notify_all()

    def _check(self, name: str, seed: int, status: int, body: dict[str, Any]) -> None:
        expected = "matched" if seed in LISTED else "clear"
        with self._changed:
            # A listed file matches by its exact hash, too, when its decoder crashes; it says so.
            if body["reason"]:
                self.reasons[body["reason"]] += 1
            is_complete = body["outcome"] == "matched" or not body["reason"]
            if body["outcome"] != expected or status != 200 or not is_complete:
                self.wrong.append(f"{name} (picture {seed}): {status} {body['outcome']}")
            self.verdicts[name] = frozenset(one["match_id"] for one in body["matches"])
            self._changed.notify_all()


def check_records(load: Load, database: Database) -> None:
    """Every match that was answered is on record, and nothing is there twice."""
    with database.reading() as session:
        rows = [
            (one.content.content_id, one.record.entry_key, str(one.record.key))
            for one in read_matches(session, MatchFilter())
        ]
    assert load.wrong == []
    assert len({row[:2] for row in rows}) == len(rows), "a match is there twice"
    there: dict[str, set[str]] = {}
    for name, _, match_id in rows:
        there.setdefault(name, set()).add(match_id)
    lost = [
        name for name, ids in load.verdicts.items() if ids and not ids <= there.get(name, set())
    ]
    assert lost == []


def configure(
    folder: Path,
    url: str,
    name: str = "hashmatch",
    *,
    isolation: str = "none",
    busy_timeout_s: int = PATIENCE_S,
    extra: str = "",
) -> Path:
    """Write the configuration of one replica, which has an index of its own.

    Nothing in it fails because the machine is busy. Decoding processes take long to start: only
    the tests about them have any.
    """
    config = folder / f"{name}.toml"
    config.write_text(
        f"""
data_dir = "{name}-data"
[database]
url = "{url}"
busy_timeout_s = {busy_timeout_s}
[index]
max_age_s = {10 * PATIENCE_S}
[intake]
isolation = "{isolation}"
workers = 2
timeout_s = {PATIENCE_S}
[service]
body_timeout_s = {PATIENCE_S}
shutdown_timeout_s = {PATIENCE_S}
{extra}"""
    )
    return config


@contextmanager
def filled_store(url: str) -> Iterator[Database]:
    with closing(Database(url, busy_timeout_s=PATIENCE_S)) as database:
        upgrade(database)
        import_text(database, "one", list_of(*LISTED, algorithms=("pdq", "sha256")))
        yield database


@contextmanager
def serving_replica(folder: Path, url: str, database: Database) -> Iterator[str]:
    """Serve from this process, and return the URL of the service."""
    folder.mkdir()
    chosen = {
        "data_dir": folder,
        "database": {"url": url, "busy_timeout_s": PATIENCE_S},
        "index": {"max_age_s": 10 * PATIENCE_S},
        "intake": {"isolation": "none", "workers": 2},
    }
    with serving(Settings.model_validate(chosen), database) as served:
        yield served.url
