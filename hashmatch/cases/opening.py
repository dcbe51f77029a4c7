"""Opening of cases, in the transaction that records their matches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.config import CasesSettings
from hashmatch.match_listener import NewMatches, RecordedMatch
from hashmatch.outcome import Nearness
from hashmatch.store.engine import audit
from hashmatch.store.lookups import LimitedEntry
from hashmatch.store.matches import FloodingEntry
from hashmatch.store.opening import (
    NewCase,
    lock_cases_of,
    open_cases,
    read_evidence,
    read_evidence_hashes,
    save_cases,
)
from hashmatch.store.preservation import mark_for_preservation
from hashmatch.store.schema import Case, utc_now

from .evidence import action_of, needs_hashes
from .states import CaseAction, State, following, result_in


class CaseOpener:
    """Match listener that opens or updates the cases of content ids."""

    def __init__(self, settings: CasesSettings) -> None:
        self._settings = settings

    def on_new_matches(self, session: Session, recorded: Sequence[NewMatches]) -> None:
        """Open a case for each content id, or add the matches to its case."""
        open_or_update_cases(session, self._settings, recorded)

    def on_limited_entries(self, session: Session, entries: Sequence[LimitedEntry]) -> None:
        """Do nothing: no content is concerned."""

    def on_flooding_entries(self, session: Session, entries: Sequence[FloodingEntry]) -> None:
        """Do nothing: cases stay one for each content id, and are filtered by entry."""


@dataclass(frozen=True, slots=True)
class Categories:
    """Categories of matches within the threshold, and of those that are only near."""

    matched: Sequence[str]
    near: Sequence[str] = ()


def open_or_update_cases(
    session: Session, settings: CasesSettings, recorded: Sequence[NewMatches]
) -> None:
    """Open cases for new matches of content ids, or update those that they have."""
    by_id = defaultdict[str, list[NewMatches]](list)
    for one in recorded:
        by_id[one.content.content_id].append(one)
    known = lock_cases_of(session, sorted(by_id))
    if known:
        _update(session, settings, known, by_id)
    new = [_new_case(settings, name, some) for name, some in by_id.items() if name not in known]
    opened = open_cases(session, new)
    if settings.vault is not None:
        changed = [one.key for one in known.values()]
        is_preserved = settings.vault.hold_on == "opened"
        mark_for_preservation(session, [*changed, *opened] if is_preserved else changed)


def _new_case(settings: CasesSettings, content_id: str, new: Sequence[NewMatches]) -> NewCase:
    now, matches = utc_now(), [one for some in new for one in some.matches]
    found = _found(matches)
    return NewCase(
        content_id=content_id,
        content_key=min(one.content_key for one in new),
        state=State.OPEN,
        priority=urgency(settings, found),
        due_at=due_time(settings, found, now),
        newest_match=_newest(matches),
        opened_at=now,
    )


def _update(
    session: Session,
    settings: CasesSettings,
    known: Mapping[str, Case],
    by_id: Mapping[str, Sequence[NewMatches]],
) -> None:
    """Add new matches to the cases of their content ids."""
    names = sorted(known)
    evidence = read_evidence(session, names)
    compared = [one for one in names if needs_hashes(by_id[one], evidence[one])]
    hashes = read_evidence_hashes(session, compared) if compared else {}
    for name in names:
        recorded = _categories((one.category, one.nearness) for one in evidence[name])
        action = action_of(known[name], by_id[name], evidence[name], hashes.get(name, {}))
        _update_one(session, settings, known[name], by_id[name], recorded, action)
    save_cases(session, list(known.values()))


def _update_one(
    session: Session,
    settings: CasesSettings,
    case: Case,
    new: Sequence[NewMatches],
    recorded: Categories,
    action: CaseAction | None,
) -> None:
    """Add new matches to a case; `recorded` are the categories of all that it has now."""
    matches = [one for some in new for one in some.matches]
    now, found, newest = utc_now(), _found(matches), _newest(matches)
    before = State(case.state)
    after = before if action is None else following(before, action)
    case.state, case.result = after, result_in(after, case.result)
    case.priority = min(case.priority, urgency(settings, found))
    if case.state != before:
        reopen(case, due_time(settings, recorded, now))
    elif found.matched and len(recorded.matched) <= len(found.matched):
        # They are the first within the threshold: what is due was set for near ones only.
        case.due_at = min(case.due_at, due_time(settings, found, now))
    case.newest_match = max(case.newest_match, newest)
    case.revision, case.changed_at = case.revision + 1, now
    # The author of a proposal did not know of this match.
    case.proposal, case.proposed_by = "", ""
    facts = {"from": before, "to": case.state, "match": newest}
    audit(session, f"case.{CaseAction.MATCH if action is None else action}", case, facts)


def _found(matches: Sequence[RecordedMatch]) -> Categories:
    return _categories((one.match.category, one.match.nearness) for one in matches)


def _categories(matches: Iterable[tuple[str, Nearness]]) -> Categories:
    found = list(matches)
    return Categories(
        [category for category, nearness in found if nearness is Nearness.MATCH],
        [category for category, nearness in found if nearness is Nearness.NEAR],
    )


def _newest(matches: Sequence[RecordedMatch]) -> int:
    return max(int(one.match.match_id) for one in matches)


def reopen(case: Case, due_at: datetime) -> None:
    """Clear the decision of a case, for a new one."""
    case.due_at, case.decided_at, case.notified_at = due_at, None, None
    case.reopened += 1


def due_again(settings: CasesSettings, session: Session, case: Case) -> datetime:
    """Return the due time of a case that is reopened now."""
    name = case.content_id or ""
    recorded = read_evidence(session, [name]).get(name, ())
    found = _categories((one.category, one.nearness) for one in recorded)
    return due_time(settings, found, utc_now())


def due_time(settings: CasesSettings, categories: Categories, now: datetime) -> datetime:
    """Return the due time of a case: that of the most urgent of its categories."""
    if not categories.matched:
        return now + timedelta(hours=max(settings.due_hours, _hours(settings, categories.near)))
    return now + timedelta(hours=_hours(settings, categories.matched))


def _hours(settings: CasesSettings, categories: Sequence[str]) -> float:
    hours = [
        settings.due_hours if own is None or own.due_hours is None else own.due_hours
        for own in map(settings.categories.get, categories)
    ]
    return min(hours, default=settings.due_hours)


def urgency(settings: CasesSettings, categories: Categories) -> int:
    """Return the priority of a case, 0 to 9: the highest of its categories', which is 0.

    One with near matches only is never more urgent than cases of no category: many uploads
    of them must not push real matches back in the queue.
    """
    if not categories.matched:
        return max(settings.priority, _priority(settings, categories.near))
    return _priority(settings, categories.matched)


def _priority(settings: CasesSettings, categories: Sequence[str]) -> int:
    found = [
        settings.priority if own is None or own.priority is None else own.priority
        for own in map(settings.categories.get, categories)
    ]
    return min(found, default=settings.priority)
