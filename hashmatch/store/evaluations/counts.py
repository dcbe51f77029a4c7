"""Counts of recorded matches by the results of their review, and at other thresholds.

The database counts, so that no more is held in memory than the counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, case, distinct, func, select
from sqlalchemy.orm import Session

from hashmatch.outcome import BAND_BITS, Nearness

from ..lists import find_list
from ..matches import MatchFilter
from ..schema import Case, Content, HashList, MatchRecord, ReviewResult

# As `nearness` says it, for the database.
IS_NEAR = MatchRecord.distance_bits > MatchRecord.threshold_bits
_BAND = MatchRecord.distance_bits - MatchRecord.distance_bits % BAND_BITS
# Properties of matches that they can be counted by.
_PROPERTIES: Mapping[str, Any] = {
    "list": HashList.name,
    "algorithm": MatchRecord.algorithm,
    "from_bits": _BAND,
    "view": MatchRecord.view,
}


class Fate(IntEnum):
    """Fate of a match at another threshold, weakest first."""

    GONE = 0
    NEAR = 1
    MATCH = 2


@dataclass(frozen=True, slots=True)
class OtherThreshold:
    """A threshold of an algorithm, and the distance up to which matches are near (or none is)."""

    threshold_bits: int
    review_bits: int = 0


@dataclass(frozen=True, slots=True)
class ResultCounts:
    """Number of matches of one kind, and of their cases by result. `kind` holds its properties.

    A content item without a case counts as open.
    """

    kind: tuple[Any, ...]
    nearness: Nearness
    matches: int
    cases: Mapping[ReviewResult, int]


@dataclass(frozen=True, slots=True)
class DistanceCount:
    """Number of matches of one list, algorithm, distance and threshold at which they were found."""

    list_name: str
    algorithm: str
    distance_bits: int
    threshold_bits: int
    matches: int


def count_results(
    session: Session, wanted: MatchFilter, by: tuple[str, ...]
) -> Iterator[ResultCounts]:
    """Yield the counts of all kinds of matches that differ in some properties, in their order.

    The properties are `list`, `algorithm`, `from_bits` (the least distance of a band) and `view`.
    A case counts once in each kind that a match of it is of. Raises `UnknownListError`.
    """
    kind = [_PROPERTIES[name] for name in by]
    result = func.coalesce(Case.result, ReviewResult.OPEN.value)
    is_near = case((IS_NEAR, 1), else_=0)
    query = (
        select(*kind, is_near, result, func.count(), func.count(distinct(Content.content_id)))
        .select_from(MatchRecord)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .join(Content, Content.key == MatchRecord.content_key)
        .outerjoin(Case, Case.content_id == Content.content_id)
        .where(*matches_of(session, wanted))
        .group_by(*kind, is_near, result)
    )
    matches = defaultdict[tuple[Any, ...], int](int)
    cases = defaultdict[tuple[Any, ...], dict[ReviewResult, int]](dict)
    for *found, near, name, matched, contents in session.execute(query):
        matches[*found, near] += matched
        cases[*found, near][ReviewResult(name)] = contents
    for *found, near in sorted(matches):
        key = (*found, near)
        nearness = Nearness.NEAR if near else Nearness.MATCH
        yield ResultCounts(tuple(found), nearness, matches[key], cases[key])


def count_distances(session: Session, wanted: MatchFilter) -> list[DistanceCount]:
    """Return the number of matches at each distance, by list, algorithm and threshold.

    Raises `UnknownListError`.
    """
    kind = (
        HashList.name,
        MatchRecord.algorithm,
        MatchRecord.distance_bits,
        MatchRecord.threshold_bits,
    )
    query = (
        select(*kind, func.count())
        .select_from(MatchRecord)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .where(*matches_of(session, wanted))
        .group_by(*kind)
    )
    return sorted(
        (DistanceCount(*row) for row in session.execute(query)),
        key=lambda one: (one.list_name, one.algorithm, one.distance_bits, one.threshold_bits),
    )


def count_fates(
    session: Session, wanted: MatchFilter, thresholds: Mapping[str, OtherThreshold]
) -> dict[tuple[ReviewResult, Fate, Fate], int]:
    """Return the number of content ids by result, fate on record, and fate at other thresholds.

    The fate of one is that of the best of its matches of the period; those of other algorithms,
    and of other lists than the wanted one, stay as they are. Raises `UnknownListError`.
    """
    own = (
        None if wanted.list_name is None else find_list(session, wanted.list_name, removed_too=True)
    )
    applies = None if own is None else MatchRecord.list_key == own.key
    of_items = (
        select(
            Content.content_id,
            func.max(_fate_on_record()).label("before"),
            func.max(_fate_at(thresholds, applies)).label("after"),
        )
        .select_from(MatchRecord)
        .join(Content, Content.key == MatchRecord.content_key)
        .where(*_of_period(wanted))
        .group_by(Content.content_id)
    )
    if applies is not None:
        of_items = of_items.having(func.max(case((applies, 1), else_=0)) == 1)
    items = of_items.subquery()
    result = func.coalesce(Case.result, ReviewResult.OPEN.value)
    query = (
        select(result, items.c.before, items.c.after, func.count())
        .select_from(items)
        .outerjoin(Case, Case.content_id == items.c.content_id)
        .group_by(result, items.c.before, items.c.after)
    )
    return {
        (ReviewResult(name), Fate(before), Fate(after)): number
        for name, before, after, number in session.execute(query)
    }


def matches_of(session: Session, wanted: MatchFilter) -> list[ColumnElement[bool]]:
    """Return the conditions for the matches of a period and list. Raises `UnknownListError`."""
    found = _of_period(wanted)
    if wanted.list_name is not None:
        row = find_list(session, wanted.list_name, removed_too=True)
        found.append(MatchRecord.list_key == row.key)
    return found


def _of_period(wanted: MatchFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(MatchRecord.matched_at >= wanted.since)
    if wanted.until is not None:
        found.append(MatchRecord.matched_at < wanted.until)
    return found


def _fate_on_record() -> ColumnElement[int]:
    return case((IS_NEAR, Fate.NEAR.value), else_=Fate.MATCH.value)


def _fate_at(
    thresholds: Mapping[str, OtherThreshold], applies: ColumnElement[bool] | None
) -> ColumnElement[int]:
    branches: list[tuple[ColumnElement[bool], int]] = []
    distance = MatchRecord.distance_bits
    for name, one in thresholds.items():
        own = MatchRecord.algorithm == name
        own = own if applies is None else own & applies
        branches += [
            (own & (distance <= one.threshold_bits), Fate.MATCH.value),
            (own & (distance <= one.review_bits), Fate.NEAR.value),
            (own, Fate.GONE.value),
        ]
    return case(*branches, else_=_fate_on_record())
