"""Planning: the images of sources divided into shards, from where it was left."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from hashmatch.store.backfills import PlannedShard, PlannedTo, add_shards, read_backfill
from hashmatch.store.engine import Database, retried

from .sources import Source

# Enough that the ledger costs little, few enough that several drivers share small back-fills.
_SHARD_ITEMS = 1_000


@dataclass(frozen=True, slots=True)
class _Step:
    """The next shards, the images in them, and from where to where the planning comes by them."""

    shards: Sequence[PlannedShard]
    found: int
    after: PlannedTo
    planned_to: PlannedTo


def plan(
    database: Database,
    backfill_key: int,
    sources: Sequence[Source],
    stop: threading.Event,
    *,
    shard_items: int = _SHARD_ITEMS,
) -> None:
    """Divide the sources into shards, until that is done or it is to stop.

    Raises `StoreError`, and what the sources raise.
    """
    while not stop.is_set():
        with database.reading() as session:
            state = read_backfill(session, backfill_key)
        if state.is_planned or state.ended_at is not None:
            return
        for step in _steps(sources, state.planned_to, shard_items, stop):
            is_last = step.planned_to.source == len(sources)
            add = partial(_add, database, backfill_key, step, is_last=is_last)
            if stop.is_set() or not retried(add):
                break  # Another driver has planned on.


def _add(database: Database, backfill_key: int, step: _Step, *, is_last: bool) -> bool:
    with database.writing() as session:
        return add_shards(
            session,
            backfill_key,
            step.shards,
            found=step.found,
            after=step.after,
            planned_to=step.planned_to,
            is_planned=is_last,
        )


def _steps(
    sources: Sequence[Source], begin: PlannedTo, shard_items: int, stop: threading.Event
) -> Iterator[_Step]:
    after = begin
    for number in range(begin.source, len(sources)):
        source, following = sources[number], PlannedTo(number + 1, "")
        if source.is_streamed:  # Nobody can begin in the middle of it.
            yield _Step([PlannedShard(number, "", None)], 0, after, following)
            after = following
            continue
        count, last = 0, after.position
        for item in source.items(after.position):
            if stop.is_set():
                return
            if count == shard_items:
                shard = PlannedShard(number, after.position, last)
                planned_to = PlannedTo(number, last)
                yield _Step([shard], count, after, planned_to)
                count, after = 0, planned_to
            count, last = count + 1, item.position
        # Up to the end, whatever comes there meanwhile.
        yield _Step([PlannedShard(number, after.position, None)], count, after, following)
        after = following
