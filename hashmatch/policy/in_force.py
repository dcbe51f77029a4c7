"""Policy in force: noted once in the store by the processes that start under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.policies import (
    NewPolicy,
    PolicyRecord,
    find_in_force,
    find_noted,
    find_policy,
    note_start,
)

from .facts import changes_between, digest_of, policy_facts

# Enough to tell policies apart, on screens and in logs.
SHORT = 12
_SHOWN = 5
_REPLACED = "policy {} replaced another one without a reason on record"


@dataclass(frozen=True, slots=True)
class PolicyState:
    """Policy of a configuration, beside the one in force in the store.

    `record` is None where no process ever started under it, and `in_force` where none did at all.
    """

    policy: NewPolicy
    record: PolicyRecord | None
    in_force: PolicyRecord | None

    @property
    def is_unexplained(self) -> bool:
        """Say whether the policy replaced another one, or would, and has no reason."""
        if self.record is not None and self.record.reason:
            return False
        if self.record is not None and self.record.is_unexplained:
            return True
        return self.in_force is not None and not self.is_in_force

    @property
    def is_in_force(self) -> bool:
        """Say whether the policy came into force last."""
        return self.in_force is not None and self.in_force.digest == self.policy.digest

    @property
    def changed_keys(self) -> list[str]:
        """Return the keys in which the policy differs from the one in force."""
        if self.in_force is None:
            return []
        return list(changes_between(self.in_force.facts, self.policy.facts))

    def problem(self) -> tuple[str, str]:
        """Return what is to be said of an unexplained policy, and what to do next."""
        short = self.policy.digest[:SHORT]
        if self.is_in_force:
            return _REPLACED.format(short), f"Run: hashmatch policy explain {short} --reason TEXT"
        keys = self.changed_keys
        shown = ", ".join(keys[:_SHOWN])
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        return (
            f"it changes the policy in force without a reason on record: {shown}{more}",
            "Run first: hashmatch policy adopt --reason TEXT [--evaluation FILE_OR_ID]",
        )


def policy_of(settings: Settings, algorithms: Mapping[str, Algorithm]) -> NewPolicy:
    """Return the policy of a configuration. Raises `ConfigError`."""
    facts = policy_facts(settings, algorithms)
    return NewPolicy(digest_of(facts), facts)


def read_policy_state(database: Database, policy: NewPolicy) -> PolicyState:
    """Return a policy beside the one in force. Raises `StoreError`."""
    with database.reading() as session:
        return PolicyState(policy, find_policy(session, policy.digest), find_in_force(session))


def note_policy(database: Database, settings: Settings, policy: NewPolicy, actor: str) -> str:
    """Note that a process starts under a policy, which costs one query where that is known.

    Returns a warning where it is in force without a reason, or else an empty text. Raises
    `ConfigError` where `policy.require_reason` is set and the policy would be a change without one.
    """
    with database.reading() as session:
        if (record := find_noted(session, policy)) is not None:
            return _warning(record)
    state = read_policy_state(database, policy)
    if settings.policy.require_reason and not state.is_in_force and state.is_unexplained:
        problem, hint = state.problem()
        raise ConfigError(f"{settings.source or 'configuration'}: {problem}", hint=hint)
    with database.writing(actor) as session:
        return _warning(note_start(session, policy, changes_between))


def _warning(record: PolicyRecord) -> str:
    if not record.is_unexplained:
        return ""
    short = record.digest[:SHORT]
    return f"{_REPLACED.format(short)}; run: hashmatch policy explain {short} --reason TEXT"
