"""What people, clients and senders ask for, over stores of several sizes: the law of growth.

`HASHMATCH_GROWTH` names the numbers of content items, each with ten matches and nearly all with a
case; a million of them take a quarter of an hour to fill.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias
from unittest import mock

from sqlalchemy.orm import Session

from benchmarks.filling import DAYS, fill
from benchmarks.measuring import Table, duration
from hashmatch.cases import PENDING, apply_retention
from hashmatch.config import Settings
from hashmatch.reports import read_figures
from hashmatch.store.cases import CaseFilter, CasePlace
from hashmatch.store.engine import Database, Turns
from hashmatch.store.figures import count_cases, count_overdue
from hashmatch.store.matches import MatchFilter, MatchPlace, read_matches
from hashmatch.store.migrations import upgrade
from hashmatch.store.outbox import count_unsent, find_due, take_due
from hashmatch.store.queue import read_case_page
from hashmatch.store.schema import utc_now

_SIZES = tuple(map(int, os.environ.get("HASHMATCH_GROWTH", "10000,100000").split(",")))
_MATCHES_EACH = 10
_RUNS = 5
# The oldest tenth is removed: all of a million would take most of an hour.
_KEPT_DAYS = DAYS * 9 // 10
_Work: TypeAlias = Callable[[Session], object]


def measure() -> list[Table]:
    """Fill a store of each size, ask, and remove what is old."""
    found: dict[str, list[str]] = {}
    removals: list[Sequence[str]] = []
    for size in _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/hashmatch.db"
            with closing(Database(url)) as database:
                upgrade(database)
                fill(database, size, _MATCHES_EACH)
                for name, work in _questions():
                    found.setdefault(name, []).append(duration(_processor_s(database, work)))
                    print(f"{size:,}: {name}: {found[name][-1]}", file=sys.stderr)
                removals.append(_removal(database, Path(folder)))
    columns = ("asked for", *(f"{size * _MATCHES_EACH:,} matches" for size in _SIZES))
    asked = (
        "Processor time of one question to SQLite, the fastest of five: pages have 100 rows. To"
        " reach: under 100 ms at 10,000,000 matches of 1,000,000 cases. What is asked for seeks in"
        " an index, or sums figures by day, so that what is shown decides, and not the rows that"
        " there are: the scrape and the figures grow with the days and lists, cases of a list or"
        " entry with its matches."
    )
    removed = (
        "`retention apply` on the oldest closed cases of those stores, with their ten matches each,"
        " in turns that let others go first. To reach: no turn over 50 ms, and a million cases in"
        " minutes."
    )
    rows = [(name, *times) for name, times in found.items()]
    return [
        Table("Growth of what is asked for", asked, columns, rows),
        Table(
            "Retention", removed, ("cases", "removed", "processor time", "a case", "longest turn"),
            removals,
        ),
    ]  # fmt: skip


def _questions() -> Iterator[tuple[str, _Work]]:
    then = utc_now() - timedelta(days=DAYS / 2)
    place, match = CasePlace(7, then, 1), MatchPlace(then, 1)
    queues = {
        "the queue": CaseFilter(states=PENDING, limit=100),
        "a later page of it": CaseFilter(states=PENDING, limit=100, after=place),
        "a later page of all cases": CaseFilter(limit=100, after=place),
        "cases of a person": CaseFilter(states=PENDING, assignee="alice", limit=100),
        "overdue cases": CaseFilter(states=PENDING, due_before=utc_now(), limit=100),
        "cases of a list": CaseFilter(states=PENDING, list_name="one", limit=100),
        "cases of a list with few": CaseFilter(states=PENDING, list_name="two", limit=100),
        "cases of an entry": CaseFilter(states=PENDING, list_name="one", entry_id="e7", limit=100),
    }
    for name, wanted in queues.items():
        yield name, lambda session, wanted=wanted: read_case_page(session, wanted)  # type: ignore[misc]
    matches = {
        "newest matches": MatchFilter(limit=100),
        "a later page of them": MatchFilter(limit=100, before=match),
        "matches of a list with few": MatchFilter(list_name="two", limit=100),
        "matches of a day": MatchFilter(then, then + timedelta(days=1), limit=100),
    }
    for name, chosen in matches.items():
        yield name, lambda session, chosen=chosen: list(read_matches(session, chosen))  # type: ignore[misc]
    yield "due messages, with all others sent", _send
    yield "a scrape", _scrape
    yield "figures of all time", lambda session: read_figures(session, None, None)


def _send(session: Session) -> None:
    for kind, target in find_due(session):
        take_due(session, kind, target, limit=5)


def _scrape(session: Session) -> None:
    count_cases(session)
    count_overdue(session, PENDING)
    count_unsent(session)


def _processor_s(database: Database, work: _Work) -> float:
    times = []
    for _ in range(_RUNS):
        with database.writing() as session:
            begun = time.process_time()
            work(session)
            session.flush()
            times.append(time.process_time() - begun)
            session.rollback()
    return min(times)


def _removal(database: Database, folder: Path) -> Sequence[str]:
    settings = Settings.model_validate(
        {"data_dir": folder, "retention": {"closed_days": _KEPT_DAYS, "outbox_days": _KEPT_DAYS}}
    )
    with database.reading() as session:
        cases = sum(count_cases(session).values())
    turns: list[float] = []
    with _timed_turns(turns):
        begun = time.process_time()
        removed = apply_retention(database, settings, dry_run=False).get("cases", 0)
        took_s = time.process_time() - begun
    return (
        f"{cases:,}", f"{removed:,}", duration(took_s), duration(took_s / max(removed, 1)),
        duration(max(turns)),
    )  # fmt: skip


@contextmanager
def _timed_turns(turns: list[float]) -> Iterator[None]:
    follow = Turns._follow

    def noted(self: Turns, took_s: float) -> None:
        turns.append(took_s)
        follow(self, took_s)

    with mock.patch.object(Turns, "_follow", noted):
        yield
