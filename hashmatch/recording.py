"""What was found of one image, judged and committed; only then may it be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from sqlalchemy.orm import Session

from hashmatch.index import Snapshot
from hashmatch.matching import Finding, Judgement, allowable_hashes, judge
from hashmatch.outcome import Action, Match, Suppressed
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
    NewMatch,
    NewSuppression,
    record_matches,
    record_suppressions,
)

# Is told, in the transaction that records them, of the matches of one image and what to do about
# each: what it adds to the store is committed with them, or not at all.
Announce: TypeAlias = Callable[
    [Session, ContentFacts, Sequence[Match], Sequence[Action]],
    None,
]


class EntryGoneError(Exception):
    """An entry went away between the look-up and the recording; newer lists tell why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one image."""

    content: ContentFacts
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was committed of one image: its matches, what to do about each, and what is not told."""

    matches: tuple[Match, ...]
    actions: tuple[Action, ...]
    suppressed: tuple[Suppressed, ...]


def announce_nothing(*_: object) -> None:
    """Tell nobody."""


class Recorder:
    """Records matches under one policy. Safe to use from many threads."""

    def __init__(
        self, database: Database, policy: Policy, announce: Announce = announce_nothing
    ) -> None:
        self._database = database
        self._policy = policy
        self._announce = announce

    def record(self, snapshot: Snapshot, findings: Sequence[Found], today: date) -> list[Recorded]:
        """Commit what was found of each image, together, and return it in the same order.

        Raises `EntryGoneError` where any of the entries is no longer there, and `StoreError`; then
        nothing is recorded.
        """
        lists = {one.key: one for one in snapshot.lists}
        names = {key: one.name for key, one in lists.items()}
        allowable = set[tuple[str, bytes]]()
        for one in findings:
            allowable |= allowable_hashes(one.content.hashes, one.findings)
        with self._database.writing() as session:
            allowances = read_allowances(session, allowable, today)
            judgements = [judge(one.findings, allowances, names, today) for one in findings]
            keys = {key for one in judgements for key in (*one.told, *one.suppressed)}
            facts = read_entry_facts(session, sorted(keys))
            if len(facts) < len(keys):
                raise EntryGoneError
            # In one order, so that two transactions never wait for each other's rows.
            recorded = {
                number: self._record_one(
                    session, findings[number].content, judgements[number], lists, facts
                )
                for number in sorted(range(len(findings)), key=lambda n: _place(findings[n]))
            }
            return [recorded[number] for number in range(len(findings))]

    def _record_one(
        self,
        session: Session,
        content: ContentFacts,
        judged: Judgement,
        lists: Mapping[int, ListState],
        facts: Mapping[int, EntryFacts],
    ) -> Recorded:
        new = [
            self._new_match(lists[facts[key].list_key], facts[key], finding)
            for key, finding in judged.told.items()
        ]
        new.sort(key=lambda one: (one.distance_bits, one.entry_key))
        held = [
            _new_suppression(lists[facts[key].list_key], facts[key], *one)
            for key, one in judged.suppressed.items()
        ]
        told = record_matches(session, content, new) if new else []
        suppressed = record_suppressions(session, content, held) if held else []
        actions = tuple(one.action for one in new)
        if told:
            self._announce(session, content, told, actions)
        return Recorded(tuple(told), actions, tuple(suppressed))

    def _new_match(self, owner: ListState, entry: EntryFacts, finding: Finding) -> NewMatch:
        return NewMatch(
            list_key=owner.key,
            list_name=owner.name,
            licensor=owner.licensor,
            generation=owner.generation,
            entry_key=entry.key,
            entry_id=entry.entry_id,
            category=entry.category,
            action=self._policy.action(owner.name, entry.category),
            found=finding.found,
            distance_bits=finding.neighbour.distance_bits,
            threshold_bits=self._policy.threshold_bits(owner.name, finding.found.algorithm),
        )


def _place(found: Found) -> tuple[str, bytes]:
    return found.content.content_id, found.content.fingerprint


def _new_suppression(
    owner: ListState, entry: EntryFacts, finding: Finding, allowance: Allowance
) -> NewSuppression:
    return NewSuppression(
        list_key=owner.key,
        list_name=owner.name,
        generation=owner.generation,
        entry_key=entry.key,
        entry_id=entry.entry_id,
        algorithm=finding.found.algorithm.name,
        distance_bits=finding.neighbour.distance_bits,
        allowance=allowance,
    )
