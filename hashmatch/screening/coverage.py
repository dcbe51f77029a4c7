"""Coverage: the algorithms that lists are matched by, and why an image cannot be clear of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Generic, TypeVar

from hashmatch.hashes import Algorithm
from hashmatch.index import Snapshot
from hashmatch.outcome import Failure, Reason
from hashmatch.policy import Policy
from hashmatch.store.lists import ListState

Result = TypeVar("Result")


class Remembered(Generic[Result]):
    """A result that depends on a snapshot and a day alone, worked out once for all their images.

    Safe to use from many threads.
    """

    def __init__(self, work: Callable[[Snapshot, date], Result]) -> None:
        self._work = work
        self._last: tuple[Snapshot, date, Result] | None = None

    def of(self, snapshot: Snapshot, today: date) -> Result:
        """Return the result for this very snapshot on this day."""
        last = self._last  # One read: another thread may replace it at any time.
        if last is None or last[0] is not snapshot or last[1] != today:
            self._last = last = (snapshot, today, self._work(snapshot, today))
        return last[2]


def matched_algorithms(snapshot: Snapshot, policy: Policy) -> frozenset[str]:
    """Return the algorithms that any list which has hashes of theirs is matched by.

    Lists whose licence has ended count: a reading then serves whatever day it is judged on.
    """
    return frozenset(
        algorithm.name
        for one, algorithms in _algorithms_of_lists(snapshot)
        for algorithm in algorithms
        if policy.threshold_bits(one.name, algorithm) is not None
    )


def has_usable_list(snapshot: Snapshot, policy: Policy, today: date) -> bool:
    """Say whether there is a list that an image could match today."""
    unmatched = {one.key for one, _ in _unmatched_lists(snapshot, policy)}
    return any(one.is_usable(today) and one.key not in unmatched for one in snapshot.lists)


def find_list_failure(snapshot: Snapshot, policy: Policy, today: date) -> Failure | None:
    """Return why no image at all can be clear against these lists."""
    if not snapshot.has_entries():
        return Failure(Reason.NO_ACTIVE_LIST, "no list has any entry to match against")
    if ended := [
        one for one in snapshot.lists if one.active_entries and one.licence_has_ended(today)
    ]:
        names = ", ".join(f"{one.name} ({one.licence_end})" for one in ended)
        return Failure(Reason.LICENCE_EXPIRED, f"the licence has ended: list {names}")
    # Each list by itself: what another one has says nothing of the entries of this one.
    if unmatched := dict(_unmatched_lists(snapshot, policy)):
        detail = "; ".join(_unmatched(one, names) for one, names in unmatched.items())
        return Failure(Reason.NO_ACTIVE_LIST, detail)
    return None


def _unmatched(one: ListState, algorithms: tuple[str, ...]) -> str:
    return (
        f"nothing of list {one.name} is matched, which has {', '.join(algorithms)} hashes alone:"
        f" set policy.lists.{one.name}.thresholds_bits.{algorithms[0]}"
    )


def _unmatched_lists(
    snapshot: Snapshot, policy: Policy
) -> Iterator[tuple[ListState, tuple[str, ...]]]:
    """Yield each list that has hashes, none of which is matched, with their algorithms."""
    for one, algorithms in _algorithms_of_lists(snapshot):
        if all(policy.threshold_bits(one.name, some) is None for some in algorithms):
            yield one, tuple(some.name for some in algorithms)


def _algorithms_of_lists(
    snapshot: Snapshot,
) -> Iterator[tuple[ListState, tuple[Algorithm, ...]]]:
    """Yield each list that has hashes with their algorithms."""
    none: Mapping[str, int] = {}
    for one in snapshot.lists:
        counts = snapshot.counts.get(one.key, none)
        if found := tuple(snapshot.indexes[name].algorithm for name in counts if counts[name]):
            yield one, found
