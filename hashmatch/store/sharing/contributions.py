"""Contributions: hashes of confirmed cases in own lists, each with what it rests on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError

from ..engine import audit
from ..schema import Contribution, ContributionState, HashList, utc_now


@dataclass(frozen=True, slots=True)
class ContributionFacts:
    """Facts of a contribution about its entry: codes by scheme, and where it comes from.

    `generated` is one of "generated", "partly", "captured" and "unknown".
    """

    category: str = ""
    classification: Mapping[str, str] = field(default_factory=dict)
    jurisdiction: str = ""
    basis: str = ""
    generated: str = "unknown"
    note: str = ""


@dataclass(frozen=True, slots=True)
class EntryContribution:
    """A contribution as it stands; `entry` is its number in the list once it is there."""

    number: int
    list_name: str
    case: int
    content_key: int
    entry: int | None
    state: ContributionState
    facts: ContributionFacts
    proposed_by: str
    proposed_at: datetime
    decided_by: str


def add_contribution(
    session: Session,
    row: HashList,
    *,
    case: int,
    content_key: int,
    facts: ContributionFacts,
    actor: str,
) -> int:
    """Record that somebody proposes the hashes of a case for an own list; returns its number."""
    new = Contribution(
        list_key=row.key,
        case_key=case,
        content_key=content_key,
        state=ContributionState.PROPOSED,
        category=facts.category,
        classification=json.dumps(dict(sorted(facts.classification.items()))),
        jurisdiction=facts.jurisdiction,
        basis=facts.basis,
        generated=facts.generated,
        note=facts.note,
        proposed_by=actor,
    )
    session.add(new)
    session.flush()
    audit(
        session,
        "contribution.proposed",
        new,
        {"contribution": new.key, "case": case, "list": row.name, "actor": actor},
    )
    return new.key


def decide_contribution(
    session: Session,
    number: int,
    state: ContributionState,
    actor: str,
    *,
    entry: int | None = None,
) -> None:
    """Record what became of a contribution, with the number of its entry where it was added."""
    row = session.get_one(Contribution, number, with_for_update=True)
    row.state, row.decided_by, row.decided_at = state, actor, utc_now()
    row.entry = row.entry if entry is None else entry
    audit(
        session,
        f"contribution.{state}",
        row,
        {"contribution": number, "case": row.case_key, "entry": row.entry, "actor": actor},
    )


def find_contribution(session: Session, number: int) -> EntryContribution:
    """Return a contribution, locked. Raises `NotFoundError`."""
    query = _with_list().where(Contribution.key == number)
    found = session.execute(query.with_for_update(of=Contribution)).one_or_none()
    if found is None:
        raise NotFoundError(
            f"there is no contribution {number}",
            hint="'hashmatch sharing contributions' lists them.",
        )
    return _as_entry(*found)


def read_contributions(
    session: Session,
    *,
    case: int | None = None,
    state: ContributionState | None = None,
    before: int | None = None,
    limit: int,
) -> Sequence[EntryContribution]:
    """Return contributions, the newest first, those before a number if one is given.

    Of one case or in one state if these are given.
    """
    query = _with_list().order_by(Contribution.key.desc()).limit(limit)
    if case is not None:
        query = query.where(Contribution.case_key == case)
    if state is not None:
        query = query.where(Contribution.state == state)
    if before is not None:
        query = query.where(Contribution.key < before)
    return [_as_entry(*one) for one in session.execute(query)]


def find_contribution_of(session: Session, list_key: int, entry: int) -> EntryContribution | None:
    """Return the contribution that an entry of an own list came from; None of others."""
    query = _with_list().where(Contribution.list_key == list_key, Contribution.entry == entry)
    found = session.execute(query.order_by(Contribution.key.desc()).limit(1)).one_or_none()
    return None if found is None else _as_entry(*found)


def read_facts_of(
    session: Session, list_key: int, entries: Sequence[int]
) -> dict[int, ContributionFacts]:
    """Return the facts of those entries of an own list that came from cases, by number."""
    query = select(Contribution).where(
        Contribution.list_key == list_key, Contribution.entry.in_(sorted(entries))
    )
    return {
        one.entry: _facts(one)
        for one in session.scalars(query.order_by(Contribution.key))
        if one.entry is not None
    }


def _with_list() -> Select[Contribution, str]:
    return select(Contribution, HashList.name).join(HashList, HashList.key == Contribution.list_key)


def _facts(row: Contribution) -> ContributionFacts:
    return ContributionFacts(
        row.category,
        json.loads(row.classification),
        row.jurisdiction,
        row.basis,
        row.generated,
        row.note,
    )


def _as_entry(row: Contribution, list_name: str) -> EntryContribution:
    return EntryContribution(
        row.key,
        list_name,
        row.case_key,
        row.content_key,
        row.entry,
        ContributionState(row.state),
        _facts(row),
        row.proposed_by,
        row.proposed_at,
        row.decided_by,
    )
