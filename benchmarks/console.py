"""Pages of the console on a large store, while images are screened and a list is imported."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np

from benchmarks.beside import Answers, ask_beside, on_postgresql, on_sqlite, write_list
from benchmarks.filling import fill
from benchmarks.hashes import realistic
from benchmarks.measuring import Table, duration
from benchmarks.serving import served
from hashmatch.lists import find_format, import_list
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.store.tokens import ROLE_SCOPES, Scope, create_token

_CONTENTS, _MATCHES_EACH = 112_000, 10
_IMPORTED = 1_000_000
_TURNS = 25
# People read: between two pages of one person passes at least this long.
_PAUSE_S = 0.15
_PEOPLE = 2
_PAGES = {
    "queue": "/queue",
    "queue, a list": "/queue?list=one",
    "queue, a category and distance": "/queue?category=B&distance=7",
    "queue, made by a machine": "/queue?made=generated",
    "queue, overdue": "/queue?due=overdue",
    "queue, two people": "/queue?approval=any&state=all",
    "a case": "/cases/{case}",
    "lists": "/lists",
    "one list": "/lists/one",
    "sharing": "/sharing",
    "contributions": "/contributions?state=all",
    "feedback": "/feedback?all=1",
    "outbox": "/outbox",
    "reports of the month": "/reports",
    "reports of last year": "/reports?period=last-year",
    "health": "/health",
    "audit log": "/audit",
    "tokens and people": "/people",
    "taking the next case": "POST /queue/next",
}
_Times = defaultdict[str, list[float]]


def measure() -> list[Table]:
    """Measure on both databases."""
    rows: list[tuple[str, ...]] = []
    asked: list[tuple[str, ...]] = []
    for kind, opened in (("SQLite", on_sqlite), ("PostgreSQL", on_postgresql)):
        with tempfile.TemporaryDirectory() as name, opened(Path(name)) as url:
            for beside, times, answers in _measure_on(Path(name), url):
                print(f"{kind}, {beside}", flush=True, file=sys.stderr)
                rows += [_row(kind, beside, page, some) for page, some in times.items()]
                asked.append(answers.row(kind, beside))
    return [
        Table(
            "Pages of the console",
            f"{_PEOPLE} people read pages of a store with a million matches and a hundred thousand"
            " cases, while the service is asked 20 times a second to screen, and in half of the"
            f" rows a list of {_IMPORTED:,} hashes is imported. To reach: 100 ms at the median,"
            " 300 ms at p99.",
            ("database", "beside", "page", "asked", "p50", "p99", "worst"),
            rows,
        ),
        Table(
            "Screening beside the console",
            "The answers to those who screen meanwhile.",
            ("database", "beside", "lasted", "answers", "unscreened", "p50", "p99", "worst"),
            asked,
        ),
    ]


def _row(kind: str, beside: str, page: str, times: list[float]) -> tuple[str, ...]:
    p50, p99 = (float(np.quantile(times, one)) for one in (0.5, 0.99))
    return (
        kind, beside, page, str(len(times)), duration(p50), duration(p99), duration(max(times)),
    )  # fmt: skip


def _measure_on(folder: Path, url: str) -> Iterator[tuple[str, _Times, Answers]]:
    config = folder / "hashmatch.toml"
    config.write_text(f'data_dir = "{folder}"\n[database]\nurl = "{url}"\n')
    with closing(Database(url)) as database:
        upgrade(database)
        fill(database, _CONTENTS, _MATCHES_EACH)
        _import_some(database)
        write_list(folder / "large.csv", "pdq", realistic(_IMPORTED, seed=2))
        with database.writing() as session:
            token = create_token(session, "benchmark", [Scope.SCAN])
            people = [create_token(session, f"p{n}", _scopes()) for n in range(_PEOPLE)]
    with served(config) as port:
        for beside in ("screening", "screening and an import"):
            times = _Times(list)
            importing = None
            if beside != "screening":
                importing = _import_large(config, folder)
            answers = ask_beside(port, token, _browsing(port, people, times))
            if importing is not None:
                importing.terminate()
                importing.wait()
            yield beside, times, answers


def _scopes() -> frozenset[Scope]:
    return ROLE_SCOPES["admin"] | {Scope.AUDIT}


def _import_some(database: Database) -> None:
    """Have something to screen against, by both kinds of hashes that are asked for."""
    lists = (("pdq", realistic(200_000, seed=1)), ("md5", [bytes([n]) * 16 for n in range(9)]))
    for algorithm, values in lists:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "list.csv"
            write_list(path, algorithm, values)
            with path.open("rb") as stream:
                found = find_format(path.name)
                import_list(database, f"of-{algorithm}", stream, found, source="benchmark")


def _import_large(config: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hashmatch", "--config", str(config)]
    command += ["lists", "import", "large", str(folder / "large.csv")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _browsing(port: int, people: list[str], times: _Times) -> Callable[[], None]:
    def browse() -> None:
        threads = [threading.Thread(target=_read, args=(port, one, times)) for one in people]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    return browse


def _read(port: int, token: str, times: _Times) -> None:
    """Read each page so many times, in turn."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/console", timeout=60) as client:
        form = _form_token(client.get("/sign-in").text)
        client.post("/sign-in", data={"form_token": form, "token": token})
        form = _form_token(client.get("/preferences").text)
        for turn in range(_TURNS):
            for name, path in _PAGES.items():
                begun = time.perf_counter()
                if path.startswith("POST "):
                    answer = client.post(path.partition(" ")[2], data={"form_token": form})
                else:
                    answer = client.get(path.replace("{case}", str(1 + turn * 997)))
                took_s = time.perf_counter() - begun
                # Reports and others that have no room are asked for again by people.
                if answer.status_code not in (200, 303):
                    raise RuntimeError(f"{path}: {answer.status_code}: {answer.text[-2000:]}")
                times[name].append(took_s)
                time.sleep(_PAUSE_S)


def _form_token(page: str) -> str:
    found = re.search(r'name="form_token" value="(\w+)"', page)
    if found is None:
        raise RuntimeError("the page has no form")
    return found[1]
