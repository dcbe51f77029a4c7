"""Limit of look-ups by near-equal hashes, with which a list could be felt out bit by bit.

Whether a hash matches, is near or is clear says something of the entry that it is compared with: a
few hundred answers about hashes that differ in few bits give the entry's value away. So the first
hash of a day that is found near an entry becomes an *anchor*, and every other hash that could be
about the same entry counts with it, whatever its answer: by the triangle inequality all that lie
within twice the reach of the search of it. Where that ball ends says nothing of the entry.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

import numpy as np
from sqlalchemy.orm import Session

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Algorithm, Hash, Kind
from hashmatch.index import SEGMENT_OF_KIND, Entries, Segment, Snapshot, Values
from hashmatch.match_listener import MatchListener
from hashmatch.outcome import Failure, Reason
from hashmatch.policy import Policy
from hashmatch.store.engine import Database
from hashmatch.store.lookups import (
    Anchor,
    NewAnchor,
    add_anchors,
    count_lookups,
    lock_new_anchors,
    read_anchors,
)

from .matching import Finding

_Values: TypeAlias = Sequence[bytes]

LOOKUP_LIMIT = Failure(
    Reason.LOOKUP_LIMIT, "too many hashes that are nearly this one were looked up today"
)


@dataclass(slots=True)
class _Asked:
    """The hashes of one algorithm in a batch: each value once, with the images that have it."""

    algorithm: Algorithm
    ball_bits: int
    images: dict[bytes, set[int]] = field(default_factory=dict)
    # Those that are found near an entry, and not as an exact copy, with the nearest one.
    near: dict[bytes, Finding] = field(default_factory=dict)
    exact: set[bytes] = field(default_factory=set)

    def counted(self) -> list[bytes]:
        """Return the values that count about an anchor: an exact copy tells nothing new."""
        return [one for one in self.images if one in self.near or one not in self.exact]


class LookupLimit:
    """Limit of the look-ups about one entry in one UTC day. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        policy: Policy,
        listeners: Callable[[], Sequence[MatchListener]],
    ) -> None:
        self._database = database
        self._policy = policy
        self._listeners = listeners
        self._known = _Anchors(date.min)
        self._lock = threading.Lock()

    def exceeded(
        self,
        snapshot: Snapshot,
        images: Sequence[Sequence[Hash]],
        findings: Sequence[Sequence[Finding]],
        limit: int | None,
        now: datetime,
    ) -> frozenset[int]:
        """Count the hashes of a batch, and return the numbers of the images past a limit.

        Their outcomes may show exact copies alone. Raises `StoreError`; then no outcome of the
        batch may be shown.
        """
        if limit is None:
            return frozenset()
        asked = _by_algorithm(images, findings, self._balls(snapshot, now.date()))
        if not asked:
            return frozenset()
        known = self._follow(now.date())
        if not any(one.near or known.about(one) for one in asked):
            return frozenset()
        return self._count(asked, limit, now.date())

    def _balls(self, snapshot: Snapshot, today: date) -> Mapping[Algorithm, int]:
        """Return for each algorithm how far apart two hashes about one entry may be."""
        names = [one.name for one in snapshot.lists if one.is_usable(today)]
        balls = dict[Algorithm, int]()
        for index in snapshot.indexes.values():
            algorithm = index.algorithm
            if algorithm.kind is Kind.EXACT:
                continue
            reaches = [
                self._policy.review_bits(name, algorithm) or threshold_bits
                for name in names
                if (threshold_bits := self._policy.threshold_bits(name, algorithm)) is not None
            ]
            if reaches:
                balls[algorithm] = _ball(algorithm, max(reaches))
        return balls

    def _follow(self, today: date) -> _Anchors:
        with self._database.reading() as session:
            return self._follow_in(session, today)

    def _follow_in(self, session: Session, today: date) -> _Anchors:
        """Return the anchors of today that are committed."""
        with self._lock:
            known = self._known if self._known.day == today else _Anchors(today)
            self._known = known.with_more(read_anchors(session, today, known.newest))
            return self._known

    def _count(self, asked: Sequence[_Asked], limit: int, today: date) -> frozenset[int]:
        with self._database.writing() as session:
            lock_new_anchors(session)
            known = self._follow_in(session, today)
            new = [anchor for one in asked for anchor in _new_anchors(one, known)]
            own = _Anchors(today).with_more(add_anchors(session, today, new))
            images: dict[int, _Asked] = {}
            wanted: dict[int, _Values] = {}
            for one in asked:
                about = {**known.about(one), **own.about(one)}
                wanted |= about
                images |= dict.fromkeys(about, one)
            refused, reached = count_lookups(session, wanted, limit)
            if reached:
                for listener in self._listeners():
                    listener.on_limited_entries(session, reached)
        return frozenset(
            number
            for key, some in refused.items()
            for value in some
            for number in images[key].images[value]
        )


@dataclass(frozen=True, slots=True)
class _Anchors:
    """Anchors of one day, by algorithm, as segments to be searched."""

    day: date
    newest: int = 0
    anchors: Mapping[str, tuple[Anchor, ...]] = field(default_factory=dict)
    segments: Mapping[str, Segment] = field(default_factory=dict)

    def with_more(self, more: Sequence[Anchor]) -> _Anchors:
        """Return these and `more`, which are newer."""
        if not more:
            return self
        anchors, segments = dict(self.anchors), dict(self.segments)
        for name in {one.algorithm for one in more}:
            every = (*anchors.get(name, ()), *(one for one in more if one.algorithm == name))
            anchors[name] = every
            segments[name] = _segment(
                ALGORITHMS[name], [one.key for one in every], [one.value for one in every]
            )
        return _Anchors(self.day, more[-1].key, anchors, segments)

    def about(self, asked: _Asked) -> dict[int, _Values]:
        """Return the values that count about each anchor, by its key."""
        segment = self.segments.get(asked.algorithm.name)
        return {} if segment is None else _pairs(segment, asked.counted(), asked.ball_bits)


def _new_anchors(asked: _Asked, known: _Anchors) -> list[NewAnchor]:
    """Return the anchors that a batch makes: of values near an entry and about no anchor yet."""
    covered = {value for some in known.about(asked).values() for value in some}
    lone = [value for value in asked.near if value not in covered]
    if not lone:
        return []
    balls = _pairs(_segment(asked.algorithm, range(len(lone)), lone), lone, asked.ball_bits)
    new = []
    for place, value in enumerate(lone):
        if value not in covered:
            covered.update(balls[place])
            found = asked.near[value].neighbour
            new.append(NewAnchor(asked.algorithm.name, value, found.list_key, found.entry_key))
    return new


def _by_algorithm(
    images: Sequence[Sequence[Hash]],
    findings: Sequence[Sequence[Finding]],
    balls: Mapping[Algorithm, int],
) -> list[_Asked]:
    """Return the hashes that are compared by distance, with what was found of them."""
    asked = {algorithm: _Asked(algorithm, ball) for algorithm, ball in balls.items()}
    for number, hashes in enumerate(images):
        for one in hashes:
            if one.algorithm in asked:
                asked[one.algorithm].images.setdefault(one.value, set()).add(number)
    for some in findings:
        for finding in some:
            own = asked.get(finding.found.algorithm)
            if own is None:
                continue
            value, distance_bits = finding.found.value, finding.neighbour.distance_bits
            if not distance_bits:
                own.exact.add(value)
            elif value not in own.near or distance_bits < own.near[value].neighbour.distance_bits:
                own.near[value] = finding
    return [one for one in asked.values() if one.images]


def _ball(algorithm: Algorithm, reach_bits: int) -> int:
    """Return the largest distance of two hashes that are both just beyond reach of one entry."""
    if algorithm.kind is Kind.VECTOR:  # Of squared distances.
        return 4 * (reach_bits + 1)
    return 2 * (reach_bits + 1)


def _segment(algorithm: Algorithm, keys: Sequence[int], values: _Values) -> Segment:
    columns, rows = np.asarray(keys, np.int64), _rows(values)
    return SEGMENT_OF_KIND[algorithm.kind].build(algorithm, Entries(columns, columns, rows))


def _pairs(segment: Segment, values: _Values, ball_bits: int) -> dict[int, _Values]:
    """Return the values within a distance of each row of a segment, by its key."""
    if not values:
        return {}
    hits = segment.find(_rows(values), ball_bits)
    pairs = defaultdict[int, list[bytes]](list)
    for query, key in sorted(zip(hits.queries.tolist(), hits.entry_keys.tolist(), strict=True)):
        pairs[key].append(values[query])
    return dict(pairs)


def _rows(values: _Values) -> Values:
    return np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)
