"""Other thresholds on recorded matches: what would remain, be only near, or be gone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Kind, is_match
from hashmatch.policy import Policy
from hashmatch.store.evaluations import (
    DistanceCount,
    Fate,
    OtherThreshold,
    count_distances,
    count_fates,
)
from hashmatch.store.matches import MatchFilter
from hashmatch.store.schema import ReviewResult


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Recorded matches at other thresholds: by list, by distance, and by the results of cases.

    A row with `is_complete` false is a lower bound: the threshold is above one that was in force,
    and what was farther away then is not on record. `near` counts what would be only near.
    """

    lists: Sequence[dict[str, Any]]
    distances: Sequence[dict[str, Any]]
    results: Sequence[dict[str, Any]]

    @property
    def is_complete(self) -> bool:
        """Say whether the record answers the question in full."""
        return all(one["is_complete"] for one in self.lists)


def parse_thresholds(
    thresholds: Iterable[str],
    review_bits: Iterable[str],
    policy: Policy,
    list_name: str | None = None,
) -> dict[str, OtherThreshold]:
    """Return the thresholds of `ALGORITHM=BITS` texts, with the distances up to which it is near.

    Where these are not given, they are those of the policy for a list, by default its general ones.
    Raises `InputError` for a text of another shape, an algorithm that is unknown or exact, one
    named twice, and a distance for review that is not above the threshold.
    """
    wanted, near = parse_bits(thresholds), parse_bits(review_bits)
    if not wanted:
        raise InputError("no threshold is given", hint="An example is pdq=24.")
    for name, bits in near.items():
        if bits <= wanted.get(name, bits):
            raise InputError(f"{name}: what is near is beyond a threshold that is given")
    for name, bits in wanted.items():
        found = policy.review_bits_beyond(bits, list_name, find_algorithm(name))
        near.setdefault(name, bits if found is None else found)
    return {name: OtherThreshold(bits, near[name]) for name, bits in wanted.items()}


def parse_bits(texts: Iterable[str]) -> dict[str, int]:
    """Return the distances of `ALGORITHM=BITS` texts.

    Raises `InputError` for another shape, an unknown or exact algorithm, and one that is named with
    two distances.
    """
    found: dict[str, int] = {}
    for text in texts:
        name, _, bits = text.partition("=")
        if not (bits.isascii() and bits.isdecimal() and len(bits) < 6):
            raise InputError(f"{text[:64]!r} is not ALGORITHM=BITS", hint="An example is pdq=24.")
        algorithm = find_algorithm(name)
        if algorithm.kind is Kind.EXACT:
            raise InputError(f"{name}: exact hashes have no threshold")
        if found.setdefault(algorithm.name, int(bits)) != int(bits):
            raise InputError(f"{name} is given twice")
    return found


def try_thresholds(
    session: Session, wanted: MatchFilter, thresholds: Mapping[str, OtherThreshold]
) -> WhatIf:
    """Return what would become of the matches of a period. Raises `UnknownListError`."""
    counts = [one for one in count_distances(session, wanted) if one.algorithm in thresholds]
    fates = count_fates(session, wanted, thresholds)
    return WhatIf(_by_list(counts, thresholds), _by_distance(counts, thresholds), _by_result(fates))


def _fate(one: DistanceCount, at: OtherThreshold) -> Fate:
    if is_match(one.distance_bits, at.threshold_bits):
        return Fate.MATCH
    return Fate.NEAR if is_match(one.distance_bits, at.review_bits) else Fate.GONE


def _by_list(
    counts: Iterable[DistanceCount], thresholds: Mapping[str, OtherThreshold]
) -> list[dict[str, Any]]:
    groups = defaultdict[tuple[str, str], list[DistanceCount]](list)
    for one in counts:
        groups[one.list_name, one.algorithm].append(one)
    rows = []
    for (list_name, algorithm), some in groups.items():
        at, numbers = thresholds[algorithm], Counter[Fate]()
        for one in some:
            numbers[_fate(one, at)] += one.matches
        reached = sorted({one.threshold_bits for one in some})
        rows.append(
            {
                "list": list_name,
                "algorithm": algorithm,
                "recorded_at_bits": "-".join(map(str, dict.fromkeys((reached[0], reached[-1])))),
                "threshold_bits": at.threshold_bits,
                "matches": sum(numbers.values()),
                **_numbers(numbers),
                # Nothing says how far beyond its threshold each of them was looked for.
                "is_complete": is_match(at.threshold_bits, reached[0]),
            }
        )
    return rows


def _by_distance(
    counts: Iterable[DistanceCount], thresholds: Mapping[str, OtherThreshold]
) -> list[dict[str, Any]]:
    numbers = Counter[tuple[str, str, int, str]]()
    for one in counts:
        fate = _fate(one, thresholds[one.algorithm]).name.lower()
        numbers[one.list_name, one.algorithm, one.distance_bits, fate] += one.matches
    return [
        {"list": name, "algorithm": algorithm, "distance_bits": bits, "matches": number, "is": fate}
        for (name, algorithm, bits, fate), number in numbers.items()
    ]


def _by_result(counts: Mapping[tuple[ReviewResult, Fate, Fate], int]) -> list[dict[str, Any]]:
    rows = []
    for result in ReviewResult:
        before, after = Counter[Fate](), Counter[Fate]()
        for (own, now, then), number in counts.items():
            if own is result:
                before[now] += number
                after[then] += number
        rows.append(
            {
                "result": result,
                "content_items": sum(before.values()),
                "near_now": before[Fate.NEAR],
                **_numbers(after),
            }
        )
    return rows


def _numbers(numbers: Mapping[Fate, int]) -> dict[str, int]:
    return {
        "remain": numbers.get(Fate.MATCH, 0),
        "near": numbers.get(Fate.NEAR, 0),
        "gone": numbers.get(Fate.GONE, 0),
    }
