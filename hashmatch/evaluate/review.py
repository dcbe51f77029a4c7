"""Precision: the share of decided cases that were confirmed, by what made them match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.outcome import BAND_BITS
from hashmatch.store.evaluations import ResultCounts, count_results
from hashmatch.store.matches import MatchFilter
from hashmatch.store.schema import ReviewResult

from .intervals import wilson

# What the matches are divided by, one after the other.
_DIVISIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("list",),
    ("algorithm",),
    ("algorithm", "from_bits"),
    ("view",),
)


def review_rows(session: Session, wanted: MatchFilter) -> Iterator[dict[str, Any]]:
    """Yield the results of all matches, then by list, algorithm, distance and view.

    Each row has the number of matches, and of their cases by result: a content item with many
    matches was decided once. Open cases are in neither side of the precision, near matches in rows
    of their own. Raises `UnknownListError`.
    """
    for division in _DIVISIONS:
        for one in count_results(session, wanted, division):
            yield _row(dict(zip(division, one.kind, strict=True)), one)


def _row(kind: Mapping[str, Any], counts: ResultCounts) -> dict[str, Any]:
    first_bits = kind.get("from_bits")
    return {
        "list": kind.get("list"),
        "algorithm": kind.get("algorithm"),
        "distance": None if first_bits is None else f"{first_bits}-{first_bits + BAND_BITS - 1}",
        "view": kind.get("view"),
        "nearness": counts.nearness,
        "matches": counts.matches,
        **result_facts(counts.cases),
    }


def result_facts(results: Mapping[ReviewResult, int]) -> dict[str, Any]:
    """Return the counts of results, and the precision of those that are decided."""
    confirmed = results.get(ReviewResult.CONFIRMED, 0)
    false_positives = results.get(ReviewResult.FALSE_POSITIVE, 0)
    decided = confirmed + false_positives
    return {
        "confirmed": confirmed,
        "false_positives": false_positives,
        "open": results.get(ReviewResult.OPEN, 0),
        **precision_facts(confirmed / decided if decided else None, decided),
    }


def precision_facts(precision: float | None, decided: float) -> dict[str, float | None]:
    """Return a precision of so many decisions with the ends of its interval, or each as None."""
    if precision is None:
        return dict.fromkeys(("precision", "precision_low", "precision_high"))
    interval = wilson(precision, decided)
    return {
        "precision": round(precision, 4),
        "precision_low": round(interval.low, 4),
        "precision_high": round(interval.high, 4),
    }
