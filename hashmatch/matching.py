"""Which entries of which lists an image matches: the index asked under the policy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hashmatch.hashes import Hash, View, is_match
from hashmatch.index import Neighbour, Snapshot
from hashmatch.outcome import Failure, Reason
from hashmatch.policy import Policy
from hashmatch.store.lists import Allowance

# The hash that stands for the very file. Files with equal MD5 or SHA-1 can be made on purpose.
WHOLE_FILE = "sha256"


@dataclass(frozen=True, slots=True)
class Finding:
    """An entry near enough to a hash of the image to match under its list's policy."""

    found: Hash
    neighbour: Neighbour


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of the entries that match, those to tell and those that are known to be false positives.

    Each has its nearest finding, by the entry's key.
    """

    told: dict[int, Finding]
    suppressed: dict[int, tuple[Finding, Allowance]]


def find_matches(
    snapshot: Snapshot, policy: Policy, hashes: Sequence[Hash], today: date
) -> list[Finding]:
    """Return every finding, of which one entry may have several.

    Lists whose licence has ended are left out, and so are hashes under the quality gate.
    """
    return find_matches_of_each(snapshot, policy, [hashes], today)[0]


def find_matches_of_each(
    snapshot: Snapshot, policy: Policy, images: Sequence[Sequence[Hash]], today: date
) -> list[list[Finding]]:
    """Return for the hashes of each image what `find_matches` returns, with one look-up for all."""
    findings: list[list[Finding]] = [[] for _ in images]
    for number, finding in _findings(snapshot, policy, images, today):
        findings[number].append(finding)
    return findings


def judge(
    findings: Sequence[Finding],
    allowances: Sequence[Allowance],
    list_names: Mapping[int, str],
    today: date,
) -> Judgement:
    """Tell matches from known false positives; `list_names` are by the lists' keys.

    What allows the very file (by its SHA-256) is about every match of it, what allows any other
    hash only about matches of that hash. An entry that is also found otherwise is told.
    """
    told: dict[int, Finding] = {}
    suppressed: dict[int, tuple[Finding, Allowance]] = {}
    for finding in sorted(findings, key=lambda one: one.neighbour.distance_bits):
        key, list_name = finding.neighbour.entry_key, list_names[finding.neighbour.list_key]
        allowance = next(
            (
                one
                for one in allowances
                if one.is_about(list_name, today) and _is_of(one, finding.found)
            ),
            None,
        )
        if allowance is None:
            told.setdefault(key, finding)
        else:
            suppressed.setdefault(key, (finding, allowance))
    return Judgement(told, {key: one for key, one in suppressed.items() if key not in told})


def allowable_hashes(hashes: Sequence[Hash], findings: Sequence[Finding]) -> set[tuple[str, bytes]]:
    """Return what an allow list may speak of, as (algorithm, value): what was found, the file."""
    of_file = {one for one in hashes if one.algorithm.name == WHOLE_FILE}
    some = of_file | {one.found for one in findings}
    return {(one.algorithm.name, one.value) for one in some}


def _is_of(allowance: Allowance, found: Hash) -> bool:
    if allowance.algorithm == WHOLE_FILE:
        return True
    return (allowance.algorithm, allowance.value) == (found.algorithm.name, found.value)


def find_failure(
    snapshot: Snapshot, policy: Policy, hashes: Sequence[Hash], of_lists: Failure | None
) -> Failure | None:
    """Return why an image with these hashes cannot be clear; None when every check ran.

    `of_lists` is what `find_list_failure` says, which is the same for all images.
    """
    if not policy.low_quality_is_clear:
        compared = [one for one in hashes if one.algorithm.name in snapshot.indexes]
        if failure := find_plainness(policy, compared):
            return failure
    return of_lists


def find_plainness(policy: Policy, hashes: Sequence[Hash]) -> Failure | None:
    """Return that a picture shows too little to be compared; None where it shows enough."""
    if not any(map(policy.is_too_plain, hashes)) or not (too_plain := _too_plain(hashes, policy)):
        return None
    detail = f"the picture shows too little for {', '.join(too_plain)} to compare"
    return Failure(Reason.LOW_QUALITY, detail)


def _too_plain(hashes: Sequence[Hash], policy: Policy) -> list[str]:
    """Return the algorithms that could compare no view of some frame.

    Pictures beside the ones that are shown may be as plain as they like.
    """
    plain = {(one.algorithm.name, one.frame) for one in hashes if one.view is View.WHOLE}
    plain -= {(one.algorithm.name, one.frame) for one in hashes if not policy.is_too_plain(one)}
    return sorted({name for name, _ in plain})


def find_list_failure(snapshot: Snapshot, today: date) -> Failure | None:
    """Return why no image at all can be clear against these lists."""
    if not snapshot.has_entries():
        return Failure(Reason.NO_ACTIVE_LIST, "no list has any entry to match against")
    if ended := [
        one for one in snapshot.lists if one.active_entries and one.licence_has_ended(today)
    ]:
        names = ", ".join(f"{one.name} ({one.licence_end})" for one in ended)
        return Failure(Reason.LICENCE_EXPIRED, f"the licence has ended of list {names}")
    return None


def _findings(
    snapshot: Snapshot, policy: Policy, images: Sequence[Sequence[Hash]], today: date
) -> Iterator[tuple[int, Finding]]:
    """Yield each finding with the number of the image that it is of."""
    usable = {one.key: one.name for one in snapshot.lists if one.is_usable(today)}
    of_algorithm: defaultdict[str, list[tuple[int, Hash]]] = defaultdict(list)
    for number, hashes in enumerate(images):
        for one in hashes:
            if not policy.is_too_plain(one):
                of_algorithm[one.algorithm.name].append((number, one))
    for some in of_algorithm.values():
        algorithm = some[0][1].algorithm
        reach = policy.widest_threshold_bits(usable.values(), algorithm)
        thresholds = {key: policy.threshold_bits(name, algorithm) for key, name in usable.items()}
        found = snapshot.search_many(algorithm.name, [one.value for _, one in some], reach)
        for (number, one), neighbours in zip(some, found, strict=True):
            for neighbour in neighbours:
                threshold_bits = thresholds.get(neighbour.list_key)
                if threshold_bits is not None and is_match(neighbour.distance_bits, threshold_bits):
                    yield number, Finding(one, neighbour)
