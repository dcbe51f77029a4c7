"""Local engine: a back-fill on all cores of this machine.

Several of them, on any number of machines with one store, share the shards of one back-fill.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import TypeAlias

from hashmatch.errors import BackfillError, ShardLostError, StoreError
from hashmatch.outcome import Outcome
from hashmatch.store.backfills import BackfillState, LeasedShard
from hashmatch.store.engine import Database

from .ledger import Ledger
from .outcome_files import OutcomeFiles
from .planning import plan
from .screening import ItemScreener
from .sources import Item, Source

# Receives the state of the back-fill now and then.
Report: TypeAlias = Callable[[BackfillState], None]

# Images on record at once: so many, or those of so many seconds.
_RECORDED_AT_ONCE, _RECORDED_EVERY_S = 100, 2.0
# How often the state is reported, and others are asked for what they left.
_REPORT_EVERY_S, _LOOK_AGAIN_S = 1.0, 1.0
_NOT_PLANNED_YET_S = 0.1


def run_locally(
    database: Database,
    ledger: Ledger,
    sources: Sequence[Source],
    screener: ItemScreener,
    *,
    threads: int,
    outcome_files: OutcomeFiles | None = None,
    report: Report = lambda _state: None,
) -> BackfillState:
    """Screen everything that is not on record of a back-fill, and return its state at the end.

    `threads` images are loaded and screened at a time. Raises `BackfillError` and `StoreError`;
    what is on record then stays, and the back-fill can be gone on with.
    """
    stop = threading.Event()
    with (
        ThreadPoolExecutor(threads, "hashmatch-backfill") as pool,
        _Planner(database, ledger, sources, stop) as planner,
    ):
        run = _Run(ledger, sources, screener, pool, 2 * threads, outcome_files, report)
        try:
            while True:
                is_planned = planner.is_done()
                if (taken := ledger.take()) is not None:
                    with suppress(ShardLostError):  # Who has it goes on with it.
                        run.work_on(*taken)
                elif is_planned and not ledger.has_open_shards():
                    break
                else:
                    run.report()
                    time.sleep(_LOOK_AGAIN_S if is_planned else _NOT_PLANNED_YET_S)
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
    ledger.end()  # Nothing, where somebody else has ended it.
    state = ledger.state()
    report(state)
    if state.is_abandoned:
        raise BackfillError(
            "the back-fill was given up meanwhile, by --restart or by its retention",
            hint="Start it again: it then goes on with the one that began last, or begins.",
        )
    return state


class _Planner:
    """Plans in a thread of its own, ahead of the work."""

    def __init__(
        self, database: Database, ledger: Ledger, sources: Sequence[Source], stop: threading.Event
    ) -> None:
        self._threads = ThreadPoolExecutor(1, "hashmatch-planning")
        self._plan = partial(plan, database, ledger.key, sources, stop)

    def __enter__(self) -> _Planner:
        self._planned = self._threads.submit(self._plan)
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()

    def is_done(self) -> bool:
        """Say whether everything is planned. Raises what the planning raised."""
        if not self._planned.done():
            return False
        self._planned.result()
        return True


class _Run:
    """The work of one driver, shard after shard."""

    def __init__(
        self,
        ledger: Ledger,
        sources: Sequence[Source],
        screener: ItemScreener,
        pool: ThreadPoolExecutor,
        window: int,
        outcome_files: OutcomeFiles | None,
        report: Report,
    ) -> None:
        self._ledger = ledger
        self._sources = sources
        self._screener = screener
        self._pool = pool
        self._window = window
        self._outcome_files = outcome_files
        self._report = report
        self._reported_s = 0.0

    def report(self) -> None:
        """Report the state, unless that was just done."""
        if time.monotonic() - self._reported_s > _REPORT_EVERY_S:
            self._report(self._ledger.state())
            self._reported_s = time.monotonic()

    def work_on(self, shard: LeasedShard, lists: str) -> None:
        """Screen and record the images of a shard that are not on record.

        Raises `ShardLostError` where another process has taken it meanwhile.
        """
        source = self._sources[shard.source]
        is_counted = not source.is_streamed
        batch = _Batch(self._ledger, shard, lists, self._outcome_files, is_counted=is_counted)
        waiting: deque[tuple[Item, Future[Outcome]]] = deque()
        try:
            for item in _items(source, shard):
                waiting.append((item, self._submit(source, item)))
                # As many more as are screened at a time: a slow image leaves nobody idle.
                if len(waiting) > self._window or waiting[0][1].done():
                    self._settle(batch, *waiting.popleft())
            while waiting:
                self._settle(batch, *waiting.popleft())
            batch.record(is_done=True)
        except ShardLostError:
            _cancel(waiting)
            raise
        except BaseException:
            _cancel(waiting)
            # Kept, so that it is not done again; whatever else is the matter is raised.
            with suppress(StoreError, ShardLostError):
                batch.record(is_done=False)
                self._ledger.release(shard)
            raise
        self.report()

    def _submit(self, source: Source, item: Item) -> Future[Outcome]:
        if source.is_streamed:
            return self._pool.submit(self._screener.screen, item, item.load())
        return self._pool.submit(self._screener.screen, item)

    def _settle(self, batch: _Batch, item: Item, future: Future[Outcome]) -> None:
        batch.add(item, future.result())
        self.report()


class _Batch:
    """Images of a shard, in order, that are screened and about to be recorded."""

    def __init__(
        self,
        ledger: Ledger,
        shard: LeasedShard,
        lists: str,
        outcome_files: OutcomeFiles | None,
        *,
        is_counted: bool,
    ) -> None:
        self._ledger = ledger
        self._shard = shard
        self._lists = lists
        self._outcome_files = outcome_files
        self._is_counted = is_counted
        self._position = shard.position
        self._begin()

    def _begin(self) -> None:
        self._screened: list[tuple[Item, Outcome]] = []
        self._begun_s = time.monotonic()

    def add(self, item: Item, outcome: Outcome) -> None:
        """Add an image; now and then all of them are recorded."""
        self._screened.append((item, outcome))
        is_late = time.monotonic() - self._begun_s > _RECORDED_EVERY_S
        if is_late or len(self._screened) >= _RECORDED_AT_ONCE:
            self.record(is_done=False)

    def record(self, *, is_done: bool) -> None:
        """Write the outcomes, and record them."""
        position = self._screened[-1][0].position if self._screened else self._position
        self._ledger.record(
            self._shard,
            self._lists,
            self._screened,
            position,
            is_done=is_done,
            is_counted=self._is_counted,
            before=self._write_outcomes,
        )
        self._position = position
        self._begin()

    def _write_outcomes(self) -> None:
        if self._outcome_files is not None and self._screened:
            job, place = self._shard.backfill_key, f"{self._shard.number} {self._position}"
            self._outcome_files.write(job, place, [outcome for _, outcome in self._screened])


def _items(source: Source, shard: LeasedShard) -> Iterator[Item]:
    items = source.items(shard.position)
    if shard.until is None:
        return items
    until = source.order(shard.until)
    return takewhile(lambda one: source.order(one.position) <= until, items)


def _cancel(waiting: Iterable[tuple[Item, Future[Outcome]]]) -> None:
    for _, future in waiting:
        future.cancel()
