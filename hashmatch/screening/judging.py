"""Judging: the findings of images as matches of the lists' hashes, or as allowed ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from hashmatch.hashes import FILE_HASH, Kind
from hashmatch.index import Snapshot
from hashmatch.outcome import Action
from hashmatch.policy import Policy
from hashmatch.provenance import Provenance
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    Allowance,
    FirstEntry,
    ListedHash,
    ListState,
    SharedValue,
    find_entry,
    read_allowances,
    read_shared_values,
    read_shown_ids,
)
from hashmatch.store.matches import ContentFacts, NewAllowedMatch, NewMatch

from .matching import Finding, Judgement, allowable_hashes, judge

_MILDEST_FIRST = list(Action)
_Allowances: TypeAlias = Mapping[tuple[str, bytes], Sequence[Allowance]]


class EntryGoneError(Exception):
    """An entry was withdrawn from its list between look-up and recording."""


@dataclass(frozen=True, slots=True)
class Found:
    """The findings of one image."""

    content: ContentFacts
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class JudgedMatch:
    """A hash of a list that an image matches, and its best finding."""

    owner: ListState
    shared: SharedValue
    finding: Finding

    @property
    def listed(self) -> ListedHash:
        """Return the hash, with its list and algorithm."""
        return self.shared.listed

    def as_new(
        self, policy: Policy, provenance: Provenance | None, *, is_for_review: bool
    ) -> NewMatch:
        """Return the match as it is recorded, for review at most where its hash is set to it."""
        entry, finding = self._entry(policy), self.finding
        action = policy.action(self.owner.name, entry.category, finding.nearness, provenance)
        # Exact copies go on as they are, whatever is set for an entry that floods.
        is_exact = finding.found.algorithm.kind is Kind.EXACT
        return NewMatch(
            list_key=self.owner.key,
            list_name=self.owner.name,
            licensor=self.owner.licensor,
            generation=self.owner.generation,
            entry_key=entry.key,
            entry_id=entry.entry_id,
            category=entry.category,
            action=for_review(action, is_for_review=is_for_review and not is_exact),
            found=finding.found,
            distance_bits=finding.neighbour.distance_bits,
            threshold_bits=finding.threshold_bits,
            listed=self.listed[2],
            entries=self.shared.entries,
        )

    def as_allowed(self, policy: Policy, allowance: Allowance) -> NewAllowedMatch:
        """Return the match as it is recorded where an allow list explains it."""
        entry = self._entry(policy)
        return NewAllowedMatch(
            list_key=self.owner.key,
            list_name=self.owner.name,
            generation=self.owner.generation,
            entry_key=entry.key,
            entry_id=entry.entry_id,
            algorithm=self.finding.found.algorithm.name,
            distance_bits=self.finding.neighbour.distance_bits,
            allowance=allowance,
            listed=self.listed[2],
        )

    def _entry(self, policy: Policy) -> FirstEntry:
        """Return the entry that stands for all: of the strongest action, and then the first."""

        def rank(entry: FirstEntry) -> tuple[int, int]:
            action = policy.action(self.owner.name, entry.category, self.finding.nearness)
            return -_MILDEST_FIRST.index(action), entry.key

        return min(self.shared.firsts, key=rank)


@dataclass(frozen=True, slots=True)
class Judged:
    """The matches of one image, and those that an allow list explains."""

    content: ContentFacts
    matched: Sequence[JudgedMatch]
    allowed: Sequence[tuple[JudgedMatch, Allowance]]


def for_review(action: Action, *, is_for_review: bool) -> Action:
    """Return the action, which blocks nothing that is for review."""
    return Action.REVIEW if is_for_review and action is Action.BLOCK else action


def judge_all(
    session: Session, asked: Sequence[tuple[Snapshot, Sequence[Found]]], now: datetime
) -> list[list[Judged] | EntryGoneError]:
    """Judge the images of several requests, each by the lists that it was looked up in.

    Hashes of which all entries are disabled until later than `now` match nothing. A request of
    which an entry is no longer listed gets the error instead.
    """
    today = now.date()
    allowances = _read_allowances(session, [one for _, some in asked for one in some], today)
    judgements = [
        [_judge(snapshot, one, allowances, today) for one in some] for snapshot, some in asked
    ]
    sharing = {keys for some in judgements for one in some for keys in one.sharing()}
    shared = read_shared_values(session, sharing, now)
    return [
        _judged(snapshot, some, own, shared)
        for (snapshot, some), own in zip(asked, judgements, strict=True)
    ]


def ids_of_hash(database: Database, snapshot: Snapshot, entry_key: int, now: datetime) -> list[str]:
    """Return the ids of all enabled entries of a list that share the hash of an entry.

    There are at most a thousand. Raises `StoreError`.
    """
    with database.reading() as session:
        entry = find_entry(session, entry_key)
        if entry is None:
            return []
        (found,) = snapshot.search_many(entry.algorithm, [entry.value], 0)
        keys = [one.entry_key for one in found if one.list_key == entry.list_key]
        return read_shown_ids(session, keys, now)


def _read_allowances(session: Session, found: Sequence[Found], today: date) -> _Allowances:
    wanted = set[tuple[str, bytes]]()
    for one in found:
        wanted |= allowable_hashes(one.content.hashes, one.findings)
    by_hash = defaultdict[tuple[str, bytes], list[Allowance]](list)
    for allowance in read_allowances(session, wanted, today):
        by_hash[allowance.algorithm, allowance.value].append(allowance)
    return by_hash


def _judge(snapshot: Snapshot, one: Found, allowances: _Allowances, today: date) -> Judgement:
    """Judge one image by the allowances of its own hashes, not of those of others beside it."""
    hashes = allowable_hashes(one.content.hashes, one.findings) if allowances else set()
    own = [allowance for name in hashes for allowance in allowances.get(name, ())]
    own.sort(key=lambda allowance: allowance.entry_key)
    names = {row.key: row.name for row in snapshot.lists}
    # A look-up may come with the hashes of several files.
    files = {some.value for some in one.content.hashes if some.algorithm.name == FILE_HASH}
    return judge(one.findings, own, names, today, is_one_file=len(files) <= 1)


def _judged(
    snapshot: Snapshot,
    found: Sequence[Found],
    judgements: Sequence[Judgement],
    shared: Mapping[int, SharedValue],
) -> list[Judged] | EntryGoneError:
    if any(key not in shared for one in judgements for key in (*one.matched, *one.allowed)):
        return EntryGoneError()
    lists = {one.key: one for one in snapshot.lists}
    return [
        _by_hash(lists, one.content, judgement, shared)
        for one, judgement in zip(found, judgements, strict=True)
    ]


def _by_hash(
    lists: Mapping[int, ListState],
    content: ContentFacts,
    judgement: Judgement,
    shared: Mapping[int, SharedValue],
) -> Judged:
    """Return one match for each hash of a list, by the best finding of its entries."""
    matched = dict[ListedHash, JudgedMatch]()
    # They come best first.
    for key, finding in judgement.matched.items():
        if shared[key].entries:
            one = JudgedMatch(lists[shared[key].listed[0]], shared[key], finding)
            matched.setdefault(one.listed, one)
    allowed = dict[ListedHash, tuple[JudgedMatch, Allowance]]()
    for key, (finding, allowance) in judgement.allowed.items():
        if shared[key].entries and shared[key].listed not in matched:
            one = JudgedMatch(lists[shared[key].listed[0]], shared[key], finding)
            allowed.setdefault(one.listed, (one, allowance))
    return Judged(content, list(matched.values()), list(allowed.values()))
