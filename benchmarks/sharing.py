"""A long list that is published and pulled: time of each step, and whether memory stays.

`HASHMATCH_SHARED` is the number of its entries; ten million take half an hour.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import psutil
from sqlalchemy import insert

from benchmarks.measuring import Table, duration
from hashmatch.config import Settings
from hashmatch.sharing import Pull, Sharing, feed_body, ncmec, publish_list, write_feed
from hashmatch.sharing.taxii import Collections, Selection
from hashmatch.store.engine import Database, as_table
from hashmatch.store.lists import create_list, find_list
from hashmatch.store.migrations import upgrade
from hashmatch.store.schema import Entry, Generation, utc_now
from hashmatch.store.sharing import create_consumer_token, save_consumer
from hashmatch.store.tokens import split_token

_ENTRIES = int(os.environ.get("HASHMATCH_SHARED", "1_000_000"))
_ROWS_AT_ONCE = 10_000
_A_PAGE = 1_000
_SETTINGS = {"enabled": True, "publisher": "x", "lists": {"theirs": {"redistribute": True}}}
# Pages of the slower protocols: as many as tell the time of one, spread over the list.
_SAMPLED = 200


def measure() -> list[Table]:
    """Publish, pull by each protocol, and withdraw a tenth."""
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        settings = Settings.model_validate({"data_dir": Path(name), "sharing": _SETTINGS})
        with closing(Database(settings.database_url)) as database:
            upgrade(database)
            token_id = _fill(database)
            sharing = Sharing(database, settings)
            before = _memory()
            rows.append(_step("published", _ENTRIES, lambda: publish_list(database, 1)))
            rows.append(_step("pulled by the feed", _ENTRIES, lambda: _pull(sharing, token_id)))
            for protocol, read in (("NCMEC's shape", _ncmec), ("TAXII", _taxii)):
                some = _SAMPLED * _A_PAGE
                work = lambda read=read: read(sharing, database, settings, token_id)  # noqa: E731
                rows.append(_step(f"pulled in {protocol}", min(some, _ENTRIES), work))
            grown = (_memory() - before) / 1e6
    return [
        Table(
            "Sharing a long list",
            f"A list of {_ENTRIES:,} entries, published in turns and pulled in pages of"
            f" {_A_PAGE:,}, with each pull on the audit log; by NCMEC's shape and TAXII"
            f" {_SAMPLED} pages. Memory grew by {grown:.0f} MB from the first step to the last.",
            ("step", "entries", "lasted", "entries a second"),
            rows,
        )
    ]


def _step(name: str, entries: int, work: Callable[[], object]) -> tuple[str, ...]:
    begun = time.perf_counter()
    work()
    took_s = time.perf_counter() - begun
    print(f"{name}: {took_s:.1f} s, {_memory() / 1e6:.0f} MB", file=sys.stderr, flush=True)
    return name, f"{entries:,}", duration(took_s), f"{entries / took_s:,.0f}"


def _fill(database: Database) -> str:
    with database.writing() as session:
        row = create_list(session, "theirs")
        row.generation, row.active_entries = 1, _ENTRIES
        session.add(
            Generation(
                list_key=row.key, number=1, source="x", added=_ENTRIES, withdrawn=0, changed=0,
                first_key=1, last_key=_ENTRIES, created_at=utc_now(),
            )
        )  # fmt: skip
    entries = iter(range(1, _ENTRIES + 1))
    while some := list(islice(entries, _ROWS_AT_ONCE)):
        with database.writing() as session:
            session.execute(insert(as_table(Entry)), list(_rows(some)))
    with database.writing() as session:
        save_consumer(session, "consumer", lists=["theirs"])
        parts = split_token(create_consumer_token(session, "consumer"))
        assert find_list(session, "theirs").key == 1
    assert parts is not None
    return parts[0]


def _rows(keys: list[int]) -> Iterator[dict[str, object]]:
    for key in keys:
        yield {
            "key": key, "list_key": 1, "algorithm": "md5", "value": key.to_bytes(16),
            "entry_id": f"{key:09}", "category": ("A1", "A2", "B1", "B2")[key % 4],
            "added_generation": 1, "added_at": "2026-01-01",
        }  # fmt: skip


def _pull(sharing: Sharing, token_id: str) -> None:
    wanted: Pull | None = None
    resumed, number, is_complete = None, 0, False
    while not is_complete:
        pulled = sharing.pull(
            token_id, "theirs", wanted, protocol="feed", limit=_A_PAGE, resumed=resumed
        )
        write_feed(pulled, feed_body(pulled), None, "x")
        number += len(pulled.items)
        wanted, resumed, is_complete = pulled.rest, pulled.resumed, pulled.is_complete
    assert number == _ENTRIES, number


def _ncmec(sharing: Sharing, _: Database, settings: Settings, token_id: str) -> None:
    begin = datetime(2000, 1, 1, tzinfo=UTC)
    whole = sharing.window(token_id, "theirs", begin, utc_now())
    step = max(whole.until // _SAMPLED, _A_PAGE)
    for start in range(1, whole.until, step):
        window = ncmec.Window(begin, utc_now(), start, _A_PAGE, whole.until)
        pulled = sharing.pull(
            token_id, "theirs", window.resume(whole), protocol="ncmec", limit=_A_PAGE,
            with_feedback=True,
        )  # fmt: skip
        assert len(pulled.items) == min(_A_PAGE, whole.until - start + 1)
        ncmec.entries_document(pulled, settings.sharing, window, whole)


def _taxii(sharing: Sharing, database: Database, settings: Settings, token_id: str) -> None:
    collections = Collections(database, settings, sharing)
    until = sharing.find(token_id, "theirs").standing.position
    step = max(until // _SAMPLED, _A_PAGE)
    for start in range(0, until, step):
        place = Selection(limit=_A_PAGE, place=f"0.{start}.{until}.0")
        # An entry has two objects: an indicator and a file.
        found = collections.objects(token_id, "theirs", place)
        found.as_document()
        found = collections.objects(token_id, "theirs", Selection(place=found.following))
        found.as_document()


def _memory() -> int:
    resident: int = psutil.Process().memory_info().rss
    return resident
