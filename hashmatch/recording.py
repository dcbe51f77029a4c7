"""What was found of one image, judged and committed; only then may it be told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from sqlalchemy.orm import Session

from hashmatch.hashes import Hash
from hashmatch.index import Snapshot
from hashmatch.matching import WHOLE_FILE, Finding, allowable_hashes, judge
from hashmatch.outcome import Action, Match, Suppressed
from hashmatch.policy import Policy
from hashmatch.store import (
    Allowance,
    ContentFacts,
    Database,
    EntryFacts,
    ListState,
    NewMatch,
    NewSuppression,
    read_allowances,
    read_entry_facts,
    record_matches,
    record_suppressions,
)

# Is told, in the transaction that records them, of the matches of one image and what to do about
# each: what it adds to the store is committed with them, or not at all.
Announce: TypeAlias = Callable[
    [Session, ContentFacts, Sequence[Match], Sequence[Action]],
    None,
]


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

    def record(
        self, snapshot: Snapshot, content: ContentFacts, findings: Sequence[Finding], today: date
    ) -> Recorded | None:
        """Commit what was found and return it; None where any of the entries is gone.

        Raises `StoreError`.
        """
        lists = {one.key: one for one in snapshot.lists}
        names = {key: one.name for key, one in lists.items()}
        with self._database.writing() as session:
            allowances = read_allowances(session, allowable_hashes(content.hashes, findings), today)
            judged = judge(findings, allowances, names, today)
            facts = read_entry_facts(session, [*judged.told, *judged.suppressed])
            if len(facts) < len(judged.told) + len(judged.suppressed):
                return None
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


def fingerprint_of(hashes: Sequence[Hash]) -> bytes:
    """Return the SHA-256 of the content, or where that was not given, one of its hashes."""
    for one in hashes:
        if one.algorithm.name == WHOLE_FILE:
            return one.value
    parts = sorted(one.algorithm.name.encode() + b":" + one.value for one in hashes)
    return hashlib.sha256(b"".join(parts)).digest()
