"""Opening of cases, in the transaction that records their matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.config import CasesSettings
from hashmatch.hashes import is_match
from hashmatch.match_listener import RecordedMatch
from hashmatch.outcome import Nearness
from hashmatch.store.cases import find_case_of, open_case, read_case_matches
from hashmatch.store.engine import audit
from hashmatch.store.lookups import LimitedEntry
from hashmatch.store.matches import ContentFacts, FloodingEntry, content_key_of
from hashmatch.store.schema import Case, utc_now

from .states import CaseAction, State, following, result_in


class CaseOpener:
    """Match listener that opens or updates the case of a content item."""

    def __init__(self, settings: CasesSettings) -> None:
        self._settings = settings

    def on_new_matches(
        self, session: Session, content: ContentFacts, matches: Sequence[RecordedMatch]
    ) -> None:
        """Open a case for the content, or add the matches to its case."""
        newest = max(int(one.match.match_id) for one in matches)
        content_key = content_key_of(session, newest)
        open_or_update_case(session, self._settings, content_key, _found(matches), newest)

    def on_limited_entry(self, session: Session, entry: LimitedEntry) -> None:
        """Do nothing: no content is concerned."""

    def on_flooding_entry(self, session: Session, entry: FloodingEntry) -> None:
        """Do nothing: cases stay one for each content item, and are filtered by entry."""


@dataclass(frozen=True, slots=True)
class Categories:
    """Categories of matches within the threshold, and of those that are only near."""

    matched: Sequence[str]
    near: Sequence[str] = ()


def _found(matches: Sequence[RecordedMatch]) -> Categories:
    return Categories(
        [one.match.category for one in matches if one.match.nearness is Nearness.MATCH],
        [one.match.category for one in matches if one.match.nearness is Nearness.NEAR],
    )


def open_or_update_case(
    session: Session,
    settings: CasesSettings,
    content_key: int,
    categories: Categories,
    newest: int,
) -> None:
    """Open a case for new matches of a content item, or update the one that it has.

    `categories` are those of the new matches, `newest` is the key of the newest of them.
    """
    now, priority = utc_now(), urgency(settings, categories)
    case = find_case_of(session, content_key)
    if case is None:
        case = Case(
            content_key=content_key,
            state=State.OPEN,
            priority=priority,
            due_at=due_time(settings, categories, now),
            newest_match=newest,
        )
        open_case(session, case)
        audit(session, "case.opened", case, {"match": newest, "priority": priority})
        return
    before = State(case.state)
    after = following(before, CaseAction.MATCH)
    case.state, case.result = after, result_in(after, case.result)
    case.priority = min(case.priority, priority)
    if case.state != before:
        reopen(case, due_again(settings, session, case))
    elif _is_first_matched(session, case, categories):
        # What is due was set for near ones only.
        case.due_at = min(case.due_at, due_time(settings, categories, now))
    case.newest_match = max(case.newest_match, newest)
    case.revision, case.changed_at = case.revision + 1, now
    # The author of a proposal did not know of this match.
    case.proposal, case.proposed_by = "", ""
    audit(session, "case.match", case, {"from": before, "to": case.state, "match": newest})


def reopen(case: Case, due_at: datetime) -> None:
    """Clear the decision of a case, for a new one."""
    case.due_at, case.decided_at, case.notified_at = due_at, None, None
    case.reopened += 1


def _is_first_matched(session: Session, case: Case, new: Categories) -> bool:
    """Say whether the new matches are the first within the threshold."""
    recorded = _recorded(session, case)
    return bool(new.matched) and len(recorded.matched) <= len(new.matched)


def _recorded(session: Session, case: Case) -> Categories:
    records = [record for record, _ in read_case_matches(session, case.content_key)]
    near = {one.key for one in records if not is_match(one.distance_bits, one.threshold_bits)}
    return Categories(
        [one.category for one in records if one.key not in near],
        [one.category for one in records if one.key in near],
    )


def due_again(settings: CasesSettings, session: Session, case: Case) -> datetime:
    """Return the due time of a case that is reopened now."""
    return due_time(settings, _recorded(session, case), utc_now())


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
