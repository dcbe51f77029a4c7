"""Random samples of matches to be reviewed, and the precision that the decisions show."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.outcome import Nearness
from hashmatch.store.engine import Database
from hashmatch.store.evaluations import (
    Sampled,
    draw_matches,
    read_sample,
    read_sampled,
    record_sample,
)
from hashmatch.store.matches import MatchFilter
from hashmatch.store.schema import ReviewResult, ReviewSample, require_text

from .review import precision_facts, result_facts

_MAX_SAMPLE = 10_000
_MAX_NAME = 1_000
_MAX_SEED = 64


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """A sample to draw: of which matches, how many, and whether evenly from each list.

    Without a seed one is chosen, so that nobody can say which matches will be drawn.
    """

    size: int
    wanted: MatchFilter
    nearness: Nearness = Nearness.MATCH
    by_list: bool = False
    seed: str = ""


def draw_sample(database: Database, request: SampleRequest, actor: str) -> int:
    """Draw a sample, record it with who drew it, and return its id.

    Raises `InputError` where there is no match to draw, `UnknownListError` and `StoreError`.
    """
    _require_recordable(request, actor)
    seed = request.seed or secrets.token_hex(8)
    wanted = request.wanted
    # Reading may take long, and nobody has to wait for it.
    with database.reading() as session:
        drawn = draw_matches(
            session,
            wanted,
            request.nearness,
            size=request.size,
            seed=seed,
            by_list=request.by_list,
        )
    if not drawn.matches:
        raise InputError(
            "no match of this kind was recorded in the period", hint="Choose another period."
        )
    sample = ReviewSample(
        drawn_by=actor,
        seed=seed,
        size=request.size,
        since=wanted.since,
        until=wanted.until,
        list_name=wanted.list_name or "",
        by_list=request.by_list,
        nearness=request.nearness.value,
        populations=json.dumps(drawn.populations),
    )
    with database.writing() as session:
        return record_sample(session, sample, drawn.matches)


def _require_recordable(request: SampleRequest, actor: str) -> None:
    require_text(actor, request.seed)
    if not 1 <= request.size <= _MAX_SAMPLE:
        raise InputError(f"a sample has 1 to {_MAX_SAMPLE} matches")
    if len(request.seed) > _MAX_SEED or len(actor) > _MAX_NAME:
        raise InputError(f"a seed has up to {_MAX_SEED} characters, a name up to {_MAX_NAME}")


def sample_line(session: Session, sample: ReviewSample) -> dict[str, Any]:
    """Return a sample with its progress and precision."""
    return _line(sample, read_sampled(session, sample.key))


def sample_line_of(session: Session, key: int) -> dict[str, Any]:
    """Return a sample with its progress and precision. Raises `NotFoundError`."""
    return sample_line(session, read_sample(session, key))


def sample_facts(session: Session, key: int) -> dict[str, Any]:
    """Return a sample with its results by list, and its matches. Raises `NotFoundError`."""
    sample = read_sample(session, key)
    sampled = read_sampled(session, key)
    populations = _populations(sample)
    return {
        **_line(sample, sampled),
        "lists": [
            {
                "list": name,
                "population": populations[name],
                **_results([one for one in sampled if one.row.list_name == name]),
            }
            for name in populations
        ],
        "matches": [_match_facts(one) for one in sampled],
    }


def _line(sample: ReviewSample, sampled: Sequence[Sampled]) -> dict[str, Any]:
    facts = _results(sampled)
    if sample.by_list:
        facts |= _weighted_precision(_populations(sample), sampled)
    return {
        "sample": sample.key,
        "drawn_at": sample.drawn_at.isoformat(timespec="seconds"),
        "drawn_by": sample.drawn_by,
        "seed": sample.seed,
        "size": sample.size,
        "since": None if sample.since is None else sample.since.isoformat(timespec="seconds"),
        "until": None if sample.until is None else sample.until.isoformat(timespec="seconds"),
        "list": sample.list_name or None,
        "by_list": sample.by_list,
        "nearness": sample.nearness,
        "population": sum(_populations(sample).values()),
        **facts,
    }


def _populations(sample: ReviewSample) -> dict[str, int]:
    found: dict[str, int] = json.loads(sample.populations)
    return found


def _results(sampled: Sequence[Sampled]) -> dict[str, Any]:
    counts = Counter(one.result for one in sampled)
    return {"drawn": len(sampled), **result_facts(counts)}


def _weighted_precision(
    populations: Mapping[str, int], sampled: Sequence[Sampled]
) -> dict[str, float | None]:
    """Return the precision over all lists, each weighted by its number of matches.

    None until a match of each list is decided. The interval is Wilson's for the effective size of
    the sample (Kish 1965, "Survey Sampling"): 1 / sum(weight^2 / size) over the lists.
    """
    share = inverse = 0.0
    total = sum(populations.values())
    for name, population in populations.items():
        counts = Counter(one.result for one in sampled if one.row.list_name == name)
        confirmed = counts[ReviewResult.CONFIRMED]
        decided = confirmed + counts[ReviewResult.FALSE_POSITIVE]
        if not decided:
            return precision_facts(None, 0)
        weight = population / total
        share += weight * confirmed / decided
        inverse += weight * weight / decided
    return precision_facts(min(share, 1.0), 1 / inverse)


def _match_facts(one: Sampled) -> dict[str, Any]:
    row = one.row
    return {
        "match_id": str(row.match_key),
        "case": one.case,
        "state": "removed" if one.is_removed else one.state,
        "result": one.result,
        "list": row.list_name,
        "algorithm": row.algorithm,
        "distance_bits": row.distance_bits,
        "threshold_bits": row.threshold_bits,
        "view": row.view,
    }
