"""Changes of the policy, as the audit log has them: each with its reason and evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..schema import AuditRecord
from .grouping import Span

_CHANGES, _POLICIES = "policy_changes", "policies"


@dataclass(frozen=True, slots=True)
class PolicyDeed:
    """A policy that replaced another: when, by whom, and by key the value before and after.

    The reason and the evaluation are the last that were recorded of that policy.
    """

    at: datetime
    actor: str
    changes: Mapping[str, Any]
    reason: str
    evaluation: Mapping[str, Any] | None


def read_policy_changes(session: Session, span: Span) -> list[PolicyDeed] | None:
    """Return the changes of the policy in a period, oldest first.

    None where no policy was on record by its end. Records are read once they are sealed, about a
    second after.
    """
    columns = (AuditRecord.at, AuditRecord.actor, AuditRecord.action, AuditRecord.facts)
    found = [
        (number, at, who, action, json.loads(facts))
        # One subject at a time, by its index: of both together it would go along the chain.
        for subject in (_CHANGES, _POLICIES)
        for number, at, who, action, facts in session.execute(
            select(AuditRecord.number, *columns).where(AuditRecord.subject == subject)
        )
    ]
    records = [(at, who, action, facts) for _, at, who, action, facts in sorted(found, key=_number)]
    explained = {
        facts.get("policy"): facts for _, _, action, facts in records
        if action == "policy.explained"
    }  # fmt: skip
    if not any(at < span.until for at, *_ in records):
        return None
    return list(_of_period(records, explained, span))


def _number(record: tuple[int, datetime, str, str, dict[str, Any]]) -> int:
    return record[0]


def _of_period(
    records: list[tuple[datetime, str, str, dict[str, Any]]],
    explained: Mapping[Any, Mapping[str, Any]],
    span: Span,
) -> Iterator[PolicyDeed]:
    for at, actor, action, facts in records:
        if action == "policy.changed" and span.since <= at < span.until:
            later = explained.get(facts.get("policy"), {})
            yield PolicyDeed(
                at,
                str(later.get("actor") or actor),
                facts.get("changes") or {},
                str(later.get("reason") or facts.get("reason") or ""),
                later.get("evaluation") or facts.get("evaluation"),
            )
