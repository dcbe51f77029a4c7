"""Comparison of retained hashes with the entries that lists have got since the last one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from hashmatch.errors import BackfillError
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import SEGMENT_OF_KIND, Entries, Segment
from hashmatch.outcome import Matched, Outcome, Unscreened
from hashmatch.policy import Policy
from hashmatch.retained import RetainedFolder, Row
from hashmatch.screening import Query, Scanner
from hashmatch.store.engine import Database
from hashmatch.store.lists import read_lists, read_new_entries
from hashmatch.store.retained import read_compared, read_generation_before, record_compared
from hashmatch.store.schema import utc_now

from .patience import patiently, write_patiently
from .screening import OURS

# What processes screened against an older index may be retained so long after a generation, whose
# entries are then compared again.
_OVERLAP = timedelta(hours=1)
_LOOKED_UP_AT_ONCE = 200

# Receives the number of hashes that were compared, now and then.
Progress = Callable[[int], None]


@dataclass
class Rechecked:
    """Result of a comparison: how many hashes and entries it had, and what matched."""

    hashes: int = 0
    entries: int = 0
    matched: int = 0


def recheck(
    database: Database,
    scanner: Scanner,
    policy: Policy,
    retained: RetainedFolder,
    *,
    is_whole: bool = False,
    report: Callable[[Matched], None] = lambda _outcome: None,
    progress: Progress = lambda _number: None,
) -> Rechecked:
    """Compare what is retained with new entries; what is near one is looked up, and recorded.

    With `is_whole`, all entries are new. `report` is given what matched. Raises `StoreError`, and
    `BackfillError` where nothing can be looked up; the same entries are then new again.
    """
    begun_at, folder = utc_now(), retained.identity
    with database.reading() as session:
        lists = {one.key: one for one in read_lists(session)}
        known = {} if is_whole else read_compared(session, folder)
    changed = {
        key: known.get(key)
        for key, one in lists.items()
        if one.generation > known.get(key, 0) and one.is_usable(begun_at.date())
    }
    result = Rechecked()
    names = [lists[key].name for key in changed]
    segments = [
        (segment, reach)
        for segment in _segments(database, changed, result)
        if (reach := _reach(policy, names, segment.algorithm.name)) is not None
    ]
    if segments:
        scanner.follow_lists()
        for some in _batches(_found(retained, segments, result, progress)):
            outcomes = scanner.lookup_many(
                [Query(tuple(one.as_hash() for one in rows), name) for name, rows in some.items()]
            )
            for one in _matched(outcomes):
                result.matched += 1
                report(one)

    def write() -> None:
        with database.writing() as session:
            compared = {
                key: read_generation_before(session, key, since or 0, begun_at - _OVERLAP)
                for key, since in changed.items()
            }
            done = {key: number for key, number in compared.items() if number is not None}
            record_compared(session, folder, done)

    write_patiently(write)
    return result


def _segments(
    database: Database, changed: Mapping[int, int | None], result: Rechecked
) -> list[Segment]:
    """Return the new entries of these lists, as an index of their own for each algorithm."""
    parts = defaultdict[str, list[Entries]](list)

    def read() -> None:
        parts.clear()
        with database.reading() as session:
            for one in read_new_entries(session, changed):
                size = len(one.values[0])
                values = np.frombuffer(b"".join(one.values), np.uint8).reshape(-1, size)
                keys, list_keys = np.array(one.keys), np.array(one.list_keys)
                parts[one.algorithm].append(Entries(keys, list_keys, values))

    if changed:
        patiently(read)
    segments = []
    for name, some in parts.items():
        entries = Entries(*(np.concatenate(column) for column in zip(*some, strict=True)))
        result.entries += len(entries.keys)
        algorithm = ALGORITHMS[name]
        segments.append(SEGMENT_OF_KIND[algorithm.kind].build(algorithm, entries))
    return segments


def _reach(policy: Policy, lists: Iterable[str], name: str) -> int | None:
    """Return the distance up to which any list matches an algorithm, or is near; None for none."""
    algorithm = ALGORITHMS[name]
    distances = [
        bits
        for one in lists
        for bits in (policy.threshold_bits(one, algorithm), policy.review_bits(one, algorithm))
        if bits is not None
    ]
    return max(distances, default=None)


def _found(
    retained: RetainedFolder,
    segments: Sequence[tuple[Segment, int]],
    result: Rechecked,
    progress: Progress,
) -> Iterator[Row]:
    """Yield what is retained within reach of a new entry."""
    by_name = {segment.algorithm.name: (segment, reach) for segment, reach in segments}
    for part in retained.parts(by_name.keys()):
        segment, reach = by_name[part.algorithm]
        hits = segment.find(part.values, reach)
        result.hashes += len(part.values)
        progress(result.hashes)
        if len(hits.queries):
            yield from part.rows(np.unique(hits.queries).tolist())


def _batches(rows: Iterator[Row]) -> Iterator[dict[str, list[Row]]]:
    """Yield the rows of some uploads at a time, by content id, each row once."""
    some = defaultdict[str, list[Row]](list)
    for row in rows:
        some[row.content_id].append(row)
        if len(some) >= _LOOKED_UP_AT_ONCE:
            yield some
            some = defaultdict(list)
    if some:
        yield some


def _matched(outcomes: Sequence[Outcome]) -> Iterator[Matched]:
    for one in outcomes:
        if isinstance(one, Matched):
            yield one
        elif isinstance(one, Unscreened) and one.reason in OURS:
            raise BackfillError(
                f"nothing can be looked up now: {one.detail}",
                hint="Start it again when that is mended: it begins with the same entries.",
            )
