"""Recording: findings judged and committed, before anybody may hear of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from sqlalchemy.orm import Session

from hashmatch.hashes import Kind
from hashmatch.index import Snapshot
from hashmatch.match_listener import MatchListener, RecordedMatch
from hashmatch.outcome import Action, AllowedMatch, Match, Nearness, nearness
from hashmatch.policy import Policy
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    Allowance,
    EntryFacts,
    ListState,
    read_allowances,
    read_entry_facts,
)
from hashmatch.store.matches import (
    ContentFacts,
    NewAllowedMatch,
    NewMatch,
    count_contents,
    note_flooding,
    read_for_review,
    record_allowed_matches,
    record_matches,
)

from .matching import Finding, Judgement, allowable_hashes, judge


class EntryGoneError(Exception):
    """An entry was withdrawn between look-up and recording."""


@dataclass(frozen=True, slots=True)
class Found:
    """The findings of one image."""

    content: ContentFacts
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The committed matches of one image, and those that an allow list explains."""

    matches: tuple[RecordedMatch, ...]
    allowed: tuple[AllowedMatch, ...]


NOTHING_RECORDED = Recorded((), ())


def exact_copies(recorded: Recorded) -> Recorded:
    """Return only those matches of an image that are exact copies."""
    return Recorded(
        tuple(one for one in recorded.matches if not one.match.distance_bits),
        tuple(one for one in recorded.allowed if not one.distance_bits),
    )


class Recorder:
    """Records matches under one policy. Safe to use from many threads.

    The listeners are assembled when something first matches.
    """

    def __init__(
        self,
        database: Database,
        policy: Policy,
        listeners: Callable[[], Sequence[MatchListener]] = tuple,
    ) -> None:
        self._database = database
        self._policy = policy
        self._assemble_listeners = listeners

    @cached_property
    def _listeners(self) -> Sequence[MatchListener]:
        return self._assemble_listeners()

    def record(self, snapshot: Snapshot, found: Sequence[Found], now: datetime) -> list[Recorded]:
        """Commit the findings of several images together and return them in the same order.

        Findings of entries that are disabled until later are left out. Raises `EntryGoneError`
        where any of the entries is no longer there, and `StoreError`; then nothing is recorded.
        """
        lists = {one.key: one for one in snapshot.lists}
        with self._database.writing() as session:
            judgements, facts = _judge_all(session, snapshot, found, now)
            # In one order, so that two transactions never wait for each other's rows.
            recorded = {
                number: self._record_one(
                    session, found[number].content, judgements[number], lists, facts
                )
                for number in sorted(range(len(found)), key=lambda n: _place(found[n]))
            }
            new = [one for some, _ in recorded.values() for one in some]
            self._watch(session, new, now.date())
            return [recorded[number][1] for number in range(len(found))]

    def matched_lists(
        self, snapshot: Snapshot, found: Sequence[Found], now: datetime
    ) -> list[dict[int, Nearness]]:
        """Return the keys of the lists that `record` would record matches of, for each image.

        A list is near where all its matches are. Raises as `record` does, and records nothing.
        """
        with self._database.reading() as session:
            judgements, facts = _judge_all(session, snapshot, found, now)
        return [_lists_of(one, facts) for one in judgements]

    def _record_one(
        self,
        session: Session,
        content: ContentFacts,
        judged: Judgement,
        lists: Mapping[int, ListState],
        facts: Mapping[int, EntryFacts],
    ) -> tuple[Sequence[NewMatch], Recorded]:
        """Record the matches of one image; returns those that are new, too."""
        for_review = read_for_review(session, judged.matched) if judged.matched else frozenset()
        new = [
            self._new_match(
                lists[facts[key].list_key], facts[key], finding, for_review=key in for_review
            )
            for key, finding in judged.matched.items()
            if key in facts
        ]
        new.sort(key=lambda one: (one.nearness is Nearness.NEAR, one.distance_bits, one.entry_key))
        explained = [
            _new_allowed_match(lists[facts[key].list_key], facts[key], *one)
            for key, one in judged.allowed.items()
            if key in facts
        ]
        stored = record_matches(session, content, new) if new else []
        allowed = record_allowed_matches(session, content, explained) if explained else []
        matches = [
            RecordedMatch(match, self._action_now(one, match, for_review))
            for one, (match, _) in zip(new, stored, strict=True)
        ]
        first_time = [one for one, (_, is_new) in zip(matches, stored, strict=True) if is_new]
        if first_time:
            for listener in self._listeners:
                listener.on_new_matches(session, content, first_time)
        counted = [one for one, (_, is_new) in zip(new, stored, strict=True) if is_new]
        return counted, Recorded(tuple(matches), tuple(allowed))

    def _watch(self, session: Session, new: Sequence[NewMatch], today: date) -> None:
        """Count the new matches of each entry, and notify of those that flood.

        Near matches are not counted: nobody needs to take an entry out of matching for them.
        """
        limits = {one.list_key: self._policy.max_contents_per_entry(one.list_name) for one in new}
        counted = Counter(
            (one.entry_key, one.list_key)
            for one in new
            if limits[one.list_key] and one.nearness is Nearness.MATCH
        )
        if not counted:
            return
        owners = {key: (owner, number) for (key, owner), number in counted.items()}
        for key, (contents, is_noticed) in count_contents(session, owners, today).items():
            if contents <= limits[owners[key][0]] or is_noticed:
                continue
            flooding = note_flooding(session, key, today)
            if flooding is not None:
                for listener in self._listeners:
                    listener.on_flooding_entry(session, flooding)

    def _action_now(self, new: NewMatch, match: Match, for_review: Set[int]) -> Action:
        """Return the action on a match that may be on record from a search that went further.

        The same content is not treated more mildly for being looked at less closely.
        """
        recorded = nearness(match.distance_bits, new.threshold_bits)
        if new.nearness is Nearness.MATCH or recorded is Nearness.NEAR:
            return new.action
        action = self._policy.action(new.list_name, new.category, Nearness.MATCH)
        return _for_review(action, is_for_review=new.entry_key in for_review)

    def _new_match(
        self, owner: ListState, entry: EntryFacts, finding: Finding, *, for_review: bool
    ) -> NewMatch:
        action = self._policy.action(owner.name, entry.category, finding.nearness)
        # Exact copies go on as they are, whatever is set for an entry that floods.
        is_exact = finding.found.algorithm.kind is Kind.EXACT
        action = _for_review(action, is_for_review=for_review and not is_exact)
        return NewMatch(
            list_key=owner.key,
            list_name=owner.name,
            licensor=owner.licensor,
            generation=owner.generation,
            entry_key=entry.key,
            entry_id=entry.entry_id,
            category=entry.category,
            action=action,
            found=finding.found,
            distance_bits=finding.neighbour.distance_bits,
            threshold_bits=finding.threshold_bits,
        )


def _for_review(action: Action, *, is_for_review: bool) -> Action:
    return Action.REVIEW if is_for_review and action is Action.BLOCK else action


def _judge_all(
    session: Session, snapshot: Snapshot, found: Sequence[Found], now: datetime
) -> tuple[list[Judgement], dict[int, EntryFacts]]:
    """Return the judgement on each image, and the facts of entries that are not disabled now."""
    names = {one.key: one.name for one in snapshot.lists}
    today = now.date()
    allowable = set[tuple[str, bytes]]()
    for one in found:
        allowable |= allowable_hashes(one.content.hashes, one.findings)
    allowances = read_allowances(session, allowable, today)
    judgements = [judge(one.findings, allowances, names, today) for one in found]
    keys = {key for one in judgements for key in (*one.matched, *one.allowed)}
    facts = read_entry_facts(session, sorted(keys))
    if len(facts) < len(keys):
        raise EntryGoneError
    return judgements, {key: one for key, one in facts.items() if one.is_enabled(now)}


def _lists_of(judged: Judgement, facts: Mapping[int, EntryFacts]) -> dict[int, Nearness]:
    lists: dict[int, Nearness] = {}
    for key, finding in judged.matched.items():
        if key in facts and lists.get(facts[key].list_key) is not Nearness.MATCH:
            lists[facts[key].list_key] = finding.nearness
    return lists


def _place(found: Found) -> tuple[str, bytes]:
    return found.content.content_id, found.content.fingerprint


def _new_allowed_match(
    owner: ListState, entry: EntryFacts, finding: Finding, allowance: Allowance
) -> NewAllowedMatch:
    return NewAllowedMatch(
        list_key=owner.key,
        list_name=owner.name,
        generation=owner.generation,
        entry_key=entry.key,
        entry_id=entry.entry_id,
        algorithm=finding.found.algorithm.name,
        distance_bits=finding.neighbour.distance_bits,
        allowance=allowance,
    )
