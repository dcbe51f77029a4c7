"""The ledger: every image planned once, given to one, and counted once."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hashmatch.cases import apply_retention
from hashmatch.config import Settings
from hashmatch.engines import Ledger, Source, open_sources
from hashmatch.engines.planning import plan
from hashmatch.engines.sources import Item
from hashmatch.errors import ShardLostError
from hashmatch.outcome import Clear, Outcome
from hashmatch.store.backfills import LeasedShard, take_shard
from hashmatch.store.engine import Database
from hashmatch.store.matches import read_daily_counts
from hashmatch.store.schema import (
    AuditRecord,
    Backfill,
    BackfillCount,
    BackfillResult,
    BackfillShard,
    utc_now,
)

_FILES = 50


@pytest.fixture
def sources(tmp_path: Path, settings: Settings) -> list[Source]:
    """Two folders of files."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for number in range(_FILES):
            (tmp_path / folder / f"{number:03}.jpg").write_bytes(b"x")
    return open_sources(settings, [str(tmp_path / "one"), str(tmp_path / "two")])


@pytest.fixture
def ledger(database: Database, sources: list[Source]) -> Ledger:
    """A ledger of which all is planned, in shards of seven."""
    ledger = _ledger(database, sources)
    plan(database, ledger.key, sources, threading.Event(), shard_items=7)
    return ledger


def _ledger(database: Database, sources: list[Source], key: bytes = b"key") -> Ledger:
    return Ledger(database, sources, "standard", key)


def _clear(item: Item) -> tuple[Item, Outcome]:
    return item, Clear(item.content_id, None, (), 1.0)


def _items(sources: list[Source], shard: LeasedShard) -> list[Item]:
    source = sources[shard.source]
    until = None if shard.until is None else source.order(shard.until)
    return [
        one
        for one in source.items(shard.position)
        if until is None or source.order(one.position) <= until
    ]


def _work(ledger: Ledger, sources: list[Source]) -> list[str]:
    done = []
    while (taken := ledger.take()) is not None:
        shard, lists = taken
        items = _items(sources, shard)
        screened = [_clear(one) for one in items]
        position = items[-1].position if items else shard.position
        ledger.record(shard, lists, screened, position, is_done=True, is_counted=True)
        done += [one.content_id for one in items]
    return done


def test_all_images_are_planned_and_given_out_once(ledger: Ledger, sources: list[Source]) -> None:
    state = ledger.state()
    assert (state.is_planned, state.found) == (True, 2 * _FILES)
    done = _work(ledger, sources)
    assert len(done) == len(set(done)) == 2 * _FILES
    assert not ledger.has_open_shards()
    assert ledger.state().counts == {("clear", ""): 2 * _FILES}


def test_planners_and_drivers_at_once_share_the_work(
    database: Database, sources: list[Source]
) -> None:
    ledgers = [_ledger(database, sources) for _ in range(3)]
    assert [one.is_new for one in ledgers] == [True, False, False]
    assert len({one.key for one in ledgers}) == 1
    stop = threading.Event()
    with ThreadPoolExecutor(6) as pool:
        plans = [
            pool.submit(plan, database, one.key, sources, stop, shard_items=5) for one in ledgers
        ]
        for one in plans:
            one.result()
        works = [pool.submit(_work, one, sources) for one in ledgers]
        done = [name for one in works for name in one.result()]
    assert len(done) == len(set(done)) == 2 * _FILES
    assert ledgers[0].state().counts == {("clear", ""): 2 * _FILES}


def test_planning_goes_on_where_it_was(database: Database, sources: list[Source]) -> None:
    ledger = _ledger(database, sources)
    stop = threading.Event()
    steps = iter(range(4))

    class _Stopped(threading.Event):
        def is_set(self) -> bool:
            return next(steps, None) is None

    plan(database, ledger.key, sources, _Stopped(), shard_items=5)
    assert not ledger.state().is_planned
    plan(database, ledger.key, sources, stop, shard_items=5)
    assert ledger.state().found == 2 * _FILES
    assert len(_work(ledger, sources)) == 2 * _FILES


def test_what_a_dead_process_had_taken_is_given_to_another(
    database: Database, ledger: Ledger, sources: list[Source]
) -> None:
    name = "from hashmatch.store.lists import new_lease_holder; print(new_lease_holder())"
    dead = subprocess.check_output([sys.executable, "-c", name], text=True).strip()
    with database.writing() as session:
        lost = take_shard(session, ledger.key, dead)
    assert lost is not None
    taken = ledger.take()
    assert taken is not None
    assert taken[0].number == lost.number
    assert len(_work(ledger, sources)) + len(_items(sources, taken[0])) == 2 * _FILES


def test_a_lease_that_has_ended_is_lost_and_records_nothing(
    database: Database, ledger: Ledger, sources: list[Source]
) -> None:
    with database.writing() as session:
        slow = take_shard(session, ledger.key, "another host", lease_s=-1)
    assert slow is not None
    _work(ledger, sources)
    other = _ledger(database, sources)
    items = [_clear(one) for one in _items(sources, slow)]
    with pytest.raises(ShardLostError):
        other.record(slow, "later lists", items, "x", is_done=True, is_counted=True)
    assert ledger.state().counts == {("clear", ""): 2 * _FILES}


def test_what_is_repeated_is_counted_once(
    database: Database, ledger: Ledger, sources: list[Source]
) -> None:
    taken = ledger.take()
    assert taken is not None
    shard, lists = taken
    screened = [_clear(one) for one in _items(sources, shard)]
    for _ in range(3):
        ledger.record(shard, lists, screened + screened, "", is_done=False, is_counted=True)
    assert ledger.state().counts == {("clear", ""): 7}
    with database.reading() as session:
        assert read_daily_counts(session) == {("clear", ""): 7}
    # Against other lists it is another verdict.
    ledger.record(shard, "other lists", screened, "", is_done=False, is_counted=True)
    assert ledger.state().counts == {("clear", ""): 14}


def test_digests_say_nothing_without_their_key(
    database: Database, ledger: Ledger, sources: list[Source]
) -> None:
    def digests() -> set[bytes]:
        with database.reading() as session:
            return set(session.scalars(select(BackfillResult.digest)))

    taken = ledger.take()
    assert taken is not None
    shard, lists = taken
    screened = [_clear(one) for one in _items(sources, shard)]
    ledger.record(shard, lists, screened, "", is_done=False, is_counted=True)
    first = digests()
    ledger._digest_key = b"another"
    ledger.record(shard, lists, screened, "", is_done=False, is_counted=True)
    assert len(first) == 7
    assert len(digests()) == 14
    assert {len(one) for one in first} == {16}


def test_nothing_of_the_images_is_left_when_it_ends(
    database: Database, ledger: Ledger, sources: list[Source]
) -> None:
    _work(ledger, sources)
    ledger.end()
    with database.reading() as session:
        for table in (BackfillResult, BackfillShard):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        row = session.scalars(select(Backfill)).one()
        assert (row.fingerprint, row.sources, row.planned_position) == (None, "[]", "")
        facts = session.scalar(
            select(AuditRecord.facts).where(AuditRecord.action == "backfill.ended")
        )
        assert facts is None or "100" in facts
    again = _ledger(database, sources)
    assert again.is_new
    assert again.key != ledger.key


def test_retention_gives_up_what_was_begun_long_ago(
    database: Database, settings: Settings, ledger: Ledger, sources: list[Source]
) -> None:
    taken = ledger.take()
    assert taken is not None
    shard, lists = taken
    screened = [_clear(one) for one in _items(sources, shard)]
    ledger.record(shard, lists, screened, "", is_done=False, is_counted=True)
    chosen = Settings.model_validate(
        {**settings.model_dump(), "retention": {"backfill_days": 30}, "source": None}
    )
    assert apply_retention(database, chosen, dry_run=True) == {"backfills": 0}
    with database.writing() as session:
        row = session.scalars(select(Backfill)).one()
        row.started_at = utc_now() - timedelta(days=31)
    apply_retention(database, chosen, dry_run=False)
    with database.reading() as session:
        for table in (Backfill, BackfillCount, BackfillResult, BackfillShard):
            assert session.scalar(select(func.count()).select_from(table)) == 0
