"""Matches become cases, in the transaction that records them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.config import CasesSettings, Settings
from hashmatch.outcome import Match
from hashmatch.store.cases import find_case_of, read_case_matches
from hashmatch.store.engine import audit
from hashmatch.store.schema import Case, MatchRecord, utc_now

from .states import CaseAction, State, following


def take_in(settings: Settings, session: Session, matches: Sequence[Match]) -> Sequence[Match]:
    """Open a case for the content that matched, or tell the one that is there what is new.

    Returns the matches that are new.
    """
    newest = max(int(one.match_id) for one in matches)
    record = session.get_one(MatchRecord, newest)
    case = find_case_of(session, record.content_key)
    known = 0 if case is None else case.newest_match
    new = [one for one in matches if int(one.match_id) > known]
    if not new:
        return new
    now = utc_now()
    categories = [one.category for one in matches]
    due_at, priority = (
        due_time(settings.cases, categories, now),
        urgency(settings.cases, categories),
    )
    if case is None:
        case = Case(
            content_key=record.content_key,
            state=State.OPEN,
            priority=priority,
            due_at=due_at,
            newest_match=newest,
        )
        session.add(case)
        audit(session, "case.opened", case, {"match": newest, "priority": priority})
        return new
    before = State(case.state)
    case.state = following(before, CaseAction.MATCH)
    case.priority = min(case.priority, priority)
    if case.state != before:
        reopen(case, due_at)
    case.newest_match, case.change, case.changed_at = newest, case.change + 1, now
    # Whoever proposed something did not know of this match.
    case.proposal, case.proposed_by = "", ""
    facts = {"from": before, "to": case.state, "match": newest}
    audit(session, "case.match", case, facts)
    return new


def reopen(case: Case, due_at: datetime) -> None:
    """Let a case be decided anew."""
    case.due_at, case.decided_at, case.told_at = due_at, None, None
    case.reopened += 1


def due_again(settings: CasesSettings, session: Session, case: Case) -> datetime:
    """Return when a case is due that is opened again now."""
    found = read_case_matches(session, case.content_key)
    return due_time(settings, [record.category for record, _ in found], utc_now())


def due_time(settings: CasesSettings, categories: Sequence[str], now: datetime) -> datetime:
    """Return when a case is due: as soon as the most urgent of its categories demands."""
    hours = [
        settings.due_hours if own is None or own.due_hours is None else own.due_hours
        for own in map(settings.categories.get, categories)
    ]
    return now + timedelta(hours=min(hours, default=settings.due_hours))


def urgency(settings: CasesSettings, categories: Sequence[str]) -> int:
    """Return the priority of a case: the highest of its categories', 0 before 9."""
    found = [
        settings.priority if own is None or own.priority is None else own.priority
        for own in map(settings.categories.get, categories)
    ]
    return min(found, default=settings.priority)
