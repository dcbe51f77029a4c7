"""Matching: the index searched under the policy, and known false positives set apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from hashmatch.hashes import (
    EMBEDDED_VIEWS,
    FILE_HASH,
    SEARCH_VIEWS,
    Algorithm,
    Detail,
    Hash,
    Orientation,
    View,
    is_match,
)
from hashmatch.index import Neighbour, Snapshot
from hashmatch.outcome import Failure, Nearness, Reason, nearness
from hashmatch.policy import Policy
from hashmatch.store.lists import Allowance
from hashmatch.wide import choose_wide

# An entry, and the algorithm, frame and rendering in which it was found.
_Place: TypeAlias = tuple[int, str, int, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """An entry near enough to a hash of the image to match under its list's policy.

    `threshold_bits` is that of the list, which a finding that is only near exceeds.
    """

    found: Hash
    neighbour: Neighbour
    threshold_bits: int

    @property
    def nearness(self) -> Nearness:
        """Return whether the entry is within its list's threshold, or only near it."""
        return nearness(self.neighbour.distance_bits, self.threshold_bits)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Entries that an image matches, by key, each with its best finding: of all the nearest.

    Those that an allow list explains stand apart.
    """

    matched: dict[int, Finding]
    allowed: dict[int, tuple[Finding, Allowance]]

    def sharing(self) -> Iterator[tuple[int, ...]]:
        """Yield the key of each entry with those of the others that share its hash."""
        findings = (*self.matched.values(), *(one for one, _ in self.allowed.values()))
        for one in findings:
            yield (one.neighbour.entry_key, *one.neighbour.others)


def find_matches(
    snapshot: Snapshot, policy: Policy, images: Sequence[Sequence[Hash]], today: date
) -> list[list[Finding]]:
    """Return for the hashes of each image every finding, of which one entry may have several.

    Lists whose licence has ended are left out, and so are hashes below the quality gate.
    """
    findings: list[list[Finding]] = [[] for _ in images]
    for number, finding in _findings(snapshot, policy, images, today):
        findings[number].append(finding)
    return findings


def judge(
    findings: Sequence[Finding],
    allowances: Sequence[Allowance],
    list_names: Mapping[int, str],
    today: date,
    *,
    is_one_file: bool = True,
) -> Judgement:
    """Separate matches from known false positives; `list_names` are by the lists' keys.

    An allowance of the file itself (by its SHA-256) covers every match of it, one of any other
    hash only matches of that hash, and of the same picture by way of a smaller one. An entry that
    is also found otherwise is a match. Unless it `is_one_file`, nobody knows what else is of the
    file that is allowed.
    """
    whole = _whole_pictures(findings)
    matched: dict[int, Finding] = {}
    allowed: dict[int, tuple[Finding, Allowance]] = {}
    for finding in sorted(findings, key=_rank):
        key, list_name = finding.neighbour.entry_key, list_names[finding.neighbour.list_key]
        allowance = next(
            (
                one
                for one in allowances
                if one.covers(list_name, today)
                and any(
                    _is_of(one, name, is_one_file=is_one_file) for name in _names(finding, whole)
                )
            ),
            None,
        )
        if allowance is None:
            matched.setdefault(key, finding)
        else:
            allowed.setdefault(key, (finding, allowance))
    return Judgement(matched, {key: one for key, one in allowed.items() if key not in matched})


def _rank(finding: Finding) -> tuple[bool, bool, int]:
    """Return the order of findings, best first.

    A search only adds matches: what viewers show is named as at the level plain.
    """
    is_near = finding.nearness is Nearness.NEAR
    return is_near, finding.found.view in SEARCH_VIEWS, finding.neighbour.distance_bits


def allowable_hashes(hashes: Sequence[Hash], findings: Sequence[Finding]) -> set[tuple[str, bytes]]:
    """Return the (algorithm, value) pairs that an allow list may name: of findings and the file."""
    of_file = {one for one in hashes if one.algorithm.name == FILE_HASH}
    some = of_file | {one.found for one in findings}
    return {(one.algorithm.name, one.value) for one in some}


def _names(finding: Finding, whole: Mapping[_Place, Sequence[Hash]]) -> Iterator[Hash]:
    """Yield the hashes by which an allow list may name a finding."""
    yield finding.found
    # All of the picture once more shows nothing else. A part of it may.
    view, orientation = finding.found.view, finding.found.orientation
    if view is View.RESIZED and orientation is Orientation.ORIGINAL:
        yield from whole.get(_place(finding), ())


def _whole_pictures(findings: Sequence[Finding]) -> Mapping[_Place, Sequence[Hash]]:
    """Return the hashes of whole pictures as viewers show them, by what they find."""
    whole: defaultdict[_Place, list[Hash]] = defaultdict(list)
    for one in findings:
        found = one.found
        if found.view in SEARCH_VIEWS or found.view.is_inner:
            continue
        if found.orientation is Orientation.ORIGINAL:
            whole[_place(one)].append(found)
    return whole


def _place(finding: Finding) -> _Place:
    found = finding.found
    return finding.neighbour.entry_key, found.algorithm.name, found.frame, found.rendering


def _is_of(allowance: Allowance, found: Hash, *, is_one_file: bool) -> bool:
    if is_one_file and allowance.algorithm == FILE_HASH:
        return True
    return (allowance.algorithm, allowance.value) == (found.algorithm.name, found.value)


def find_failure(
    matched: Set[str], policy: Policy, hashes: Sequence[Hash], list_failure: Failure | None
) -> Failure | None:
    """Return why an image with these hashes cannot be clear; None when every check ran.

    `matched` are the algorithms of `matched_algorithms`, and `list_failure` is the result of
    `find_list_failure`, which are the same for all images.
    """
    if not policy.low_quality_is_clear:
        compared = [one for one in hashes if one.algorithm.name in matched]
        if failure := low_quality_failure(policy, compared):
            return failure
    return list_failure


def low_quality_failure(policy: Policy, hashes: Sequence[Hash]) -> Failure | None:
    """Return that a picture is of too low quality to be compared; None where it is not."""
    if not any(map(policy.is_low_quality, hashes)):
        return None
    if not (names := _low_quality_algorithms(hashes, policy)):
        return None
    detail = f"the picture shows too little for {', '.join(names)} to compare"
    return Failure(Reason.LOW_QUALITY, detail)


def _low_quality_algorithms(hashes: Sequence[Hash], policy: Policy) -> list[str]:
    """Return the algorithms that could not compare each rendering of each frame, or none at all.

    A rendering is compared as a whole; its inner view counts only where there is nothing else to
    see. Renderings in which there is nothing at all need no comparison, but an image does. Embedded
    pictures, which no viewer shows by themselves, and views of the search may be of any quality.
    """
    renderings: defaultdict[tuple[str, int, int], list[Hash]] = defaultdict(list)
    for one in hashes:
        if one.view not in EMBEDDED_VIEWS | SEARCH_VIEWS:
            renderings[one.algorithm.name, one.frame, one.rendering].append(one)
    compared = {key: _is_compared(some, policy) for key, some in renderings.items()}
    low = {
        name
        for (name, frame, number), is_compared in compared.items()
        if not is_compared and not _is_blank(renderings[name, frame, number])
    }
    for name in {name for name, _, _ in compared}:
        if not any(is_compared for (one, _, _), is_compared in compared.items() if one == name):
            low.add(name)
    return sorted(low)


def _is_compared(rendering: Sequence[Hash], policy: Policy) -> bool:
    """Say whether everything that one rendering shows is compared."""
    views = {one.view for one in rendering if not policy.is_low_quality(one)}
    return any(not view.is_inner or _is_all_inside(rendering) for view in views)


def _is_all_inside(rendering: Sequence[Hash]) -> bool:
    return all(one.detail is Detail.INSIDE for one in rendering if not one.view.is_inner)


def _is_blank(rendering: Sequence[Hash]) -> bool:
    return all(one.detail is Detail.NONE for one in rendering if not one.view.is_inner)


def _findings(
    snapshot: Snapshot, policy: Policy, images: Sequence[Sequence[Hash]], today: date
) -> Iterator[tuple[int, Finding]]:
    """Yield each finding with the number of its image.

    A few hashes of each image are looked up as far as something is near, the others up to the
    threshold, so that what else is in a batch changes nothing.
    """
    usable = {one.key: one.name for one in snapshot.lists if one.is_usable(today)}
    limits: dict[Algorithm, _Limits] = {}
    searches: defaultdict[tuple[str, int], list[_Query]] = defaultdict(list)
    for number, hashes in enumerate(images):
        for algorithm, some in _by_algorithm(policy, hashes).items():
            if algorithm not in limits:
                limits[algorithm] = _limits(policy, usable, algorithm)
            for query in _queries(number, some, limits[algorithm]):
                # Those that reach as far are searched together: two searches at most.
                searches[algorithm.name, max(query.limits_bits.values())].append(query)
    for (name, reach), queries in searches.items():
        found = snapshot.search_distinct(name, [one.found.value for one in queries], reach)
        for query, neighbours in zip(queries, found, strict=True):
            yield from query.findings(neighbours, limits[query.found.algorithm].thresholds_bits)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The thresholds of lists, and up to where their entries are near or match, by list key."""

    thresholds_bits: Mapping[int, int]
    near_bits: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class _Query:
    """A hash of an image to look up, and the distances up to which entries count, by list key."""

    image: int
    found: Hash
    limits_bits: Mapping[int, int]

    def findings(
        self, neighbours: Sequence[Neighbour], thresholds_bits: Mapping[int, int]
    ) -> Iterator[tuple[int, Finding]]:
        """Yield the findings among entries that were searched as far as any list reaches."""
        for one in neighbours:
            limit_bits = self.limits_bits.get(one.list_key)
            if limit_bits is not None and is_match(one.distance_bits, limit_bits):
                yield self.image, Finding(self.found, one, thresholds_bits[one.list_key])


def _by_algorithm(policy: Policy, hashes: Sequence[Hash]) -> Mapping[Algorithm, list[Hash]]:
    """Return the hashes that are of enough quality."""
    compared: defaultdict[Algorithm, list[Hash]] = defaultdict(list)
    for one in hashes:
        if not policy.is_low_quality(one):
            compared[one.algorithm].append(one)
    return compared


def _limits(policy: Policy, usable: Mapping[int, str], algorithm: Algorithm) -> _Limits:
    """Return the limits of the lists that are matched by the algorithm."""
    thresholds_bits, near_bits = dict[int, int](), dict[int, int]()
    for key, name in usable.items():
        threshold_bits = policy.threshold_bits(name, algorithm)
        if threshold_bits is not None:
            thresholds_bits[key] = threshold_bits
            near_bits[key] = policy.review_bits(name, algorithm) or threshold_bits
    return _Limits(thresholds_bits, near_bits)


def _queries(image: int, hashes: Sequence[Hash], limits: _Limits) -> Iterator[_Query]:
    """Yield what is to be looked up of an image's hashes of one algorithm."""
    if not limits.thresholds_bits:
        return
    wide = choose_wide(hashes) if limits.near_bits != limits.thresholds_bits else frozenset()
    for place, one in enumerate(hashes):
        yield _Query(image, one, limits.near_bits if place in wide else limits.thresholds_bits)
