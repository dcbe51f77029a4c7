"""A long list that is published and pulled: time of each step, and whether memory stays.

`HASHMATCH_SHARED` is the number of its entries; ten million may take an hour.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy import text

from benchmarks.measuring import Table, duration
from hashmatch.config import Settings
from hashmatch.sharing import Pull, Sharing, feed_body, ncmec, publish_list, write_feed
from hashmatch.sharing.taxii import Collections, Selection
from hashmatch.store.engine import Database
from hashmatch.store.lists import create_list, find_list
from hashmatch.store.migrations import upgrade
from hashmatch.store.schema import Generation, utc_now
from hashmatch.store.sharing import (
    create_consumer_token,
    publish_some,
    read_standing,
    save_consumer,
)
from hashmatch.store.tokens import split_token

_ENTRIES = int(os.environ.get("HASHMATCH_SHARED", "1_000_000"))
_ROWS_AT_ONCE = 10_000
_A_PAGE = 1_000
# Turns are short on the clock, so that beside others' work they get shorter and more: a very long
# list would take hours then.
_IN_TURNS = _ENTRIES if _ENTRIES <= 1_000_000 else 100_000
_ROWS_A_STEP = 10_000
_SETTINGS = {"enabled": True, "publisher": "x", "lists": {"theirs": {"redistribute": True}}}
# Pages of the slower protocols: as many as tell the time of one, spread over the list.
_SAMPLED = 200


def measure() -> list[Table]:
    """Publish, and pull by each protocol."""
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        settings = Settings.model_validate({"data_dir": Path(name), "sharing": _SETTINGS})
        with closing(Database(settings.database_url)) as database:
            upgrade(database)
            token_id = _fill(database)
            sharing = Sharing(database, settings)
            before = _memory()
            rows += _publish(database)
            rows.append(_step("pulled by the feed", _ENTRIES, lambda: _pull(sharing, token_id)))
            for protocol, read in (("NCMEC's shape", _ncmec), ("TAXII", _taxii)):
                some = _SAMPLED * _A_PAGE
                work = lambda read=read: read(sharing, database, settings, token_id)  # noqa: E731
                rows.append(_step(f"pulled in {protocol}", min(some, _ENTRIES), work))
            after, peak = _memory(), max(_memory(), _peak())
    return [
        Table(
            "Sharing a long list",
            f"A list of {_ENTRIES:,} entries, published {_how_published()} and pulled in pages of"
            f" {_A_PAGE:,}, with each pull on the audit log: all of it by the feed, and by NCMEC's"
            f" shape and TAXII up to {_SAMPLED} pages, spread from its beginning to its end. The"
            f" process that did so had {before / 1e6:.0f} MB before the first step,"
            f" {after / 1e6:.0f} MB after the last, and {peak / 1e6:.0f} MB at most. Of each step"
            " the time on the clock, and on the processor: others may have used the machine.",
            ("step", "entries", "lasted", "entries a second", "on the processor", "a second of it"),
            rows,
        )
    ]


def _how_published() -> str:
    if _IN_TURNS == _ENTRIES:
        return "in turns"
    return f"in turns at first, and then in transactions of {_ROWS_A_STEP:,}"


def _publish(database: Database) -> Iterator[tuple[str, ...]]:
    """Publish all; a very long list in turns at first, whose time differs with what others do."""

    def first() -> None:
        turns = database.turns()
        is_more = True
        while is_more and _position(database) < _IN_TURNS:
            with turns.next() as session:
                is_more = publish_some(session, 1, limit=turns.rows)

    def rest() -> None:
        is_more = True
        while is_more:
            with database.writing(background=True) as session:
                is_more = publish_some(session, 1, limit=_ROWS_A_STEP)

    if _IN_TURNS == _ENTRIES:
        yield _step("published", _ENTRIES, lambda: publish_list(database, 1))
        return
    yield _step("published in turns", _IN_TURNS, first)
    yield _step("published otherwise", _ENTRIES - _position(database), rest)


def _position(database: Database) -> int:
    with database.reading() as session:
        return read_standing(session, 1).position


def _step(name: str, entries: int, work: Callable[[], object]) -> tuple[str, ...]:
    begun_s, own_s = time.perf_counter(), time.process_time()
    work()
    took_s, own_s = time.perf_counter() - begun_s, time.process_time() - own_s
    print(f"{name}: {took_s:.1f} s, {_memory() / 1e6:.0f} MB", file=sys.stderr, flush=True)
    rates = (f"{entries / one:,.0f}" for one in (took_s, own_s))
    return name, f"{entries:,}", duration(took_s), next(rates), duration(own_s), next(rates)


# Made by the database itself: what is measured comes afterwards.
_INSERT = text("""
    WITH RECURSIVE numbers(key) AS (
        SELECT :first UNION ALL SELECT key + 1 FROM numbers WHERE key < :last
    )
    INSERT INTO entries (
        key, list_key, algorithm, value, entry_id, category, tags, added_at, note,
        added_generation, disabled, allows
    )
    SELECT
        key, 1, 'md5', CAST(printf('%016d', key) AS BLOB), printf('%09d', key),
        CASE key % 4 WHEN 0 THEN 'A1' WHEN 1 THEN 'A2' WHEN 2 THEN 'B1' ELSE 'B2' END,
        '[]', '2026-01-01', '', 1, 0, 0
    FROM numbers
""")


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
    for first in range(1, _ENTRIES + 1, _ROWS_AT_ONCE):
        last = min(first + _ROWS_AT_ONCE - 1, _ENTRIES)
        with database.writing() as session:
            session.execute(_INSERT, {"first": first, "last": last})
    with database.writing() as session:
        save_consumer(session, "consumer", lists=["theirs"])
        parts = split_token(create_consumer_token(session, "consumer"))
        assert find_list(session, "theirs").key == 1
    assert parts is not None
    return parts[0]


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
        json.dumps(found.as_document())
        found = collections.objects(token_id, "theirs", Selection(place=found.following))
        json.dumps(found.as_document())


def _peak() -> int:
    """Return the most that this process ever had, in bytes: the filling of the list included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _memory() -> int:
    resident: int = psutil.Process().memory_info().rss
    return resident
