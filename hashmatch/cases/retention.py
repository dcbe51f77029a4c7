"""Retention: removal by state and age, except under a legal hold, and on record.

The audit log stays. Of what was removed it holds keys and hashes, and no names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.cybertip import ENDED
from hashmatch.store.engine import Database, audit, overwrite_deleted, retried
from hashmatch.store.lookups import DAYS_SHOWN
from hashmatch.store.retention import (
    OldCases,
    Place,
    Removed,
    count_old_backfills,
    count_old_cases,
    count_old_contents,
    count_old_days,
    count_old_details,
    count_old_lookups,
    count_old_messages,
    count_old_notices,
    count_old_prompts,
    count_old_references,
    count_old_tokens,
    remove_old_backfills,
    remove_old_cases,
    remove_old_contents,
    remove_old_days,
    remove_old_details,
    remove_old_lookups,
    remove_old_messages,
    remove_old_notices,
    remove_old_prompts,
    remove_old_references,
    remove_old_tokens,
)
from hashmatch.store.schema import RetentionClass, utc_now

from .preserving import release_removed
from .states import State

# States in which NCMEC or the police may still ask about the uploader.
# A turn of fewer would take as long: most of it goes into its statements, and into its commit.
_FEWEST_ROWS = 200
_NEED_DETAILS = (State.OPEN, State.IN_REVIEW, State.CONFIRMED, State.ESCALATED)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Removal of one kind of data after a number of days; `part` names it in results."""

    part: str
    days: float
    # Whether the configuration asks for it, so that it is shown even where nothing is old.
    is_chosen: bool = field(default=True, kw_only=True)
    # Whether no days are none, and not for ever.
    at_once: bool = field(default=False, kw_only=True)
    remove: Callable[[Session, datetime, Place | None, int], Removed]
    count: Callable[[Session, datetime], int]


def apply_retention(database: Database, settings: Settings, *, dry_run: bool) -> dict[str, int]:
    """Remove what is older than `[retention]` allows; returns the number of rows by table.

    With `dry_run` nothing is removed, and only cases, contents, details, messages, tokens,
    notices, back-fills and days are counted. Others read and write meanwhile. May be interrupted
    and called again. Raises `StoreError`.
    """
    now, removed = utc_now(), Counter[str]()
    for rule in _rules(settings):
        if not rule.days and not rule.at_once:
            continue
        before = now - timedelta(days=rule.days)
        if dry_run:
            with database.reading() as session:
                number = rule.count(session, before)
            if number or rule.is_chosen:
                removed[rule.part] += number
        else:
            removed += _apply(database, rule, before)
    if removed and not dry_run:
        database.forget_deleted()
    return dict(removed)


def _apply(database: Database, rule: _Rule, before: datetime) -> Counter[str]:
    """Remove in turns, until nothing old is left that may go."""
    removed, turns, place = Counter[str](), database.turns(), None

    def remove_some(place: Place | None) -> Removed:
        with turns.next() as session:
            overwrite_deleted(session)
            turn = rule.remove(session, before, place, max(turns.rows, _FEWEST_ROWS))
            if turn.rows:
                audit(session, "retention.applied", None, {"rule": rule.part, **turn.rows})
            return turn

    while True:
        # Another host may be removing the same.
        turn = retried(partial(remove_some, place))
        removed += turn.rows
        # SQLite compares times as texts: one that others wrote may stay beyond its own place.
        if turn.is_last or (turn.following == place and not turn.rows):
            return removed
        place = turn.following


def _rules(settings: Settings) -> Iterator[_Rule]:
    retention = settings.retention
    yield _cases(OldCases(ENDED, State.FALSE_POSITIVE), retention.false_positive_days)
    yield _cases(OldCases(ENDED, State.CLOSED), retention.closed_days)
    # A suspicion of this class that was not confirmed goes at once, whatever else stays longer.
    messaging = OldCases(
        ENDED,
        messaging=True,
        by_default=settings.cases.retention_class == RetentionClass.MESSAGING.value,
    )
    dismissed = replace(messaging, state=State.FALSE_POSITIVE)
    yield _cases(dismissed, 0.0, is_chosen=False, at_once=True)
    yield _cases(messaging, retention.messaging_days, is_chosen=False)
    yield _Rule("contents", retention.allowed_days, remove_old_contents, count_old_contents)
    yield _Rule(
        "details",
        retention.details_days,
        partial(remove_old_details, needed=_NEED_DETAILS),
        partial(count_old_details, needed=_NEED_DETAILS),
    )
    yield _Rule("messages", retention.outbox_days, remove_old_messages, count_old_messages)
    yield _Rule("tokens", retention.token_days, remove_old_tokens, count_old_tokens)
    yield _Rule("prompts", retention.prompt_days, remove_old_prompts, count_old_prompts)
    yield _Rule("references", retention.reference_days, remove_old_references, count_old_references)
    yield _Rule("notices", retention.notice_days, remove_old_notices, count_old_notices)
    yield _Rule("backfills", retention.backfill_days, remove_old_backfills, count_old_backfills)
    yield _Rule("lookups", DAYS_SHOWN, remove_old_lookups, count_old_lookups, is_chosen=False)
    yield _Rule("daily_counts", retention.daily_count_days, remove_old_days, count_old_days)


def _cases(
    chosen: OldCases, days: float, *, is_chosen: bool = True, at_once: bool = False
) -> _Rule:
    chosen = replace(chosen, on_removed=release_removed)
    return _Rule(
        "cases",
        days,
        is_chosen=is_chosen,
        at_once=at_once,
        remove=partial(remove_old_cases, chosen=chosen),
        count=partial(count_old_cases, chosen=chosen),
    )
