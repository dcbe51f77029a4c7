"""Random samples of matches: drawn, recorded, and read with the results of their review."""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError
from hashmatch.outcome import Nearness

from ..engine import among, audit
from ..matches import MatchFilter
from ..schema import (
    Case,
    Content,
    HashList,
    MatchRecord,
    ReviewResult,
    ReviewSample,
    SampledMatch,
    utc_now,
)
from .counts import IS_NEAR, matches_of

_MATCHES_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class Drawn:
    """Matches that were drawn, and the number that could have been, by list.

    The matches are rows of the sample that is to be recorded, in the order of their keys.
    """

    populations: Mapping[str, int]
    matches: Sequence[SampledMatch]


@dataclass(frozen=True, slots=True)
class Sampled:
    """A match of a sample, with its result so far; the case is None where both were removed."""

    row: SampledMatch
    result: ReviewResult
    case: int | None
    state: str
    is_removed: bool


def draw_matches(
    session: Session,
    wanted: MatchFilter,
    nearness: Nearness,
    *,
    size: int,
    seed: str,
    by_list: bool,
) -> Drawn:
    """Draw matches at random, each as likely as any other, or as any other of its list.

    Those whose SHA-256 of "seed/key" is the smallest are drawn, so that anybody with the record can
    draw the sample again. Holds no more than the sample in memory, or one for each list. Raises
    `UnknownListError`.
    """
    query = (
        select(MatchRecord.key, HashList.name)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .where(*matches_of(session, wanted), IS_NEAR if nearness is Nearness.NEAR else ~IS_NEAR)
    )
    populations = defaultdict[str, int](int)
    drawn = defaultdict[str, list[tuple[int, int]]](list)
    for key, name in session.execute(query.execution_options(yield_per=10_000)):
        populations[name] += 1
        _keep_smallest(drawn[name if by_list else ""], (-_rank(seed, key), key), size)
    if by_list:
        for name, share in _shares(size, populations).items():
            drawn[name] = heapq.nlargest(share, drawn[name])
    keys = sorted(key for some in drawn.values() for _, key in some)
    return Drawn(dict(sorted(populations.items())), list(_rows_of(session, keys)))


def _keep_smallest(found: list[tuple[int, int]], one: tuple[int, int], size: int) -> None:
    if len(found) < size:
        heapq.heappush(found, one)
    else:
        heapq.heappushpop(found, one)


def _rank(seed: str, key: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{key}".encode()).digest())


def _shares(size: int, populations: Mapping[str, int]) -> dict[str, int]:
    """Share a sample among lists evenly; what a list is too small for goes to larger ones."""
    shares, left = dict[str, int](), size
    smallest_first = sorted(populations, key=lambda name: (populations[name], name))
    for place, name in enumerate(smallest_first):
        shares[name] = min(populations[name], left // (len(smallest_first) - place))
        left -= shares[name]
    return shares


def _rows_of(session: Session, keys: Sequence[int]) -> Iterator[SampledMatch]:
    for start in range(0, len(keys), _MATCHES_A_QUERY):
        some = keys[start : start + _MATCHES_A_QUERY]
        query = (
            select(MatchRecord, HashList.name)
            .join(HashList, HashList.key == MatchRecord.list_key)
            .where(MatchRecord.key.in_(some))
            .order_by(MatchRecord.key)
        )
        for match, name in session.execute(query):
            yield SampledMatch(
                match_key=match.key,
                list_name=name,
                algorithm=match.algorithm,
                distance_bits=match.distance_bits,
                threshold_bits=match.threshold_bits,
                view=match.view,
            )


def record_sample(session: Session, sample: ReviewSample, matches: Iterable[SampledMatch]) -> int:
    """Record a sample with its matches, bound to the audit log, and return its key."""
    session.add(sample)
    session.flush()
    rows = list(matches)
    for one in rows:
        one.sample_key = sample.key
    session.add_all(rows)
    session.flush()
    audit(session, "sample.drawn", sample, {"matches": len(rows), "actor": sample.drawn_by})
    for one in rows:
        audit(session, "sample.match", one, {"sample": sample.key, "match": one.match_key})
    return sample.key


def read_samples(session: Session, *, limit: int) -> list[ReviewSample]:
    """Return the newest samples, newest first."""
    query = select(ReviewSample).order_by(ReviewSample.key.desc()).limit(limit)
    return list(session.scalars(query))


def read_sample(session: Session, key: int) -> ReviewSample:
    """Return a sample. Raises `NotFoundError`."""
    row = session.get(ReviewSample, key)
    if row is None:
        raise NotFoundError(
            f"there is no sample {key}", hint="'hashmatch evaluate review --list-all' names them."
        )
    return row


def read_sampled(session: Session, sample: int) -> list[Sampled]:
    """Return the matches of a sample with their results, in the order of the matches' keys."""
    query = (
        select(SampledMatch, MatchRecord.key, Case.key, Case.state, Case.result)
        .outerjoin(MatchRecord, MatchRecord.key == SampledMatch.match_key)
        .outerjoin(Content, Content.key == MatchRecord.content_key)
        .outerjoin(Case, Case.content_id == Content.content_id)
        .where(SampledMatch.sample_key == sample)
        .order_by(SampledMatch.match_key)
    )
    return [
        Sampled(
            row,
            ReviewResult(row.result if match is None else result or ReviewResult.OPEN),
            case,
            state or "",
            match is None,
        )
        for row, match, case, state, result in session.execute(query)
    ]


def keep_results(session: Session, matches: Sequence[int], results: Mapping[int, str]) -> None:
    """Keep in their samples the results of matches that are about to be removed.

    `results` are those of their cases, by content key.
    """
    query = (
        select(SampledMatch, MatchRecord.content_key)
        .join(MatchRecord, MatchRecord.key == SampledMatch.match_key)
        .where(among(session, SampledMatch.match_key, matches))
    )
    for row, content_key in session.execute(query).all():
        row.result, row.removed_at = results[content_key], utc_now()
        facts = {"sample": row.sample_key, "result": row.result}
        audit(session, "sample.removed", row, facts)
