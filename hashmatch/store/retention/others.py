"""Removal of messages, tokens, matches of prompts, back-fills, counts and look-ups."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, exists, or_, select, tuple_
from sqlalchemy.orm import Session

from ..backfills import end_backfill, remove_leftovers
from ..engine import among
from ..lookups import count_old_anchors, remove_old_anchors
from ..schema import (
    MESSAGE_IS_DONE,
    AccessToken,
    Backfill,
    BackfillCount,
    Case,
    CaseReference,
    DailyCount,
    OutboxMessage,
    PromptMatch,
)
from .turns import Place, Removed, count_rows, delete_keys, remove_audited

_DAYS_AT_ONCE, _BACKFILLS_AT_ONCE = 30, 20
# About as many different hashes as are answered about one anchor.
_LOOKUPS_EACH = 20


def count_old_messages(session: Session, before: datetime) -> int:
    """Return the number of finished messages created before a time."""
    return count_rows(session, _old_messages(before))


def remove_old_messages(session: Session, before: datetime, _: Place | None, rows: int) -> Removed:
    """Remove some of these messages."""
    old = _old_messages(before).order_by(OutboxMessage.created_at, OutboxMessage.key)
    keys = session.scalars(old.limit(rows).with_for_update(skip_locked=True)).all()
    delete_keys(session, OutboxMessage.key, keys)
    return Removed(Counter({"messages": len(keys)} if keys else {}), is_last=not keys)


def count_old_tokens(session: Session, before: datetime) -> int:
    """Return the number of tokens that expired or were revoked before a time."""
    return count_rows(session, _old_tokens(before))


def remove_old_tokens(session: Session, before: datetime, _: Place | None, rows: int) -> Removed:
    """Remove some of these tokens."""
    keys = session.scalars(_old_tokens(before).limit(rows)).all()
    remove_audited(session, AccessToken, keys)
    return Removed(Counter({"tokens": len(keys)} if keys else {}), is_last=not keys)


def count_old_prompts(session: Session, before: datetime) -> int:
    """Return the number of matches of prompts before a time."""
    return count_rows(session, _old_prompts(before))


def remove_old_prompts(session: Session, before: datetime, _: Place | None, rows: int) -> Removed:
    """Remove some of these matches."""
    keys = session.scalars(_old_prompts(before).limit(rows)).all()
    remove_audited(session, PromptMatch, keys)
    return Removed(Counter({"prompt_matches": len(keys)} if keys else {}), is_last=not keys)


def count_old_references(session: Session, before: datetime) -> int:
    """Return the number of references of reports from before a time."""
    has_case = exists().where(Case.key == CaseReference.case_key)
    old = select(CaseReference.key).where(CaseReference.made_at < before, ~has_case)
    return count_rows(session, old)


def remove_old_references(
    session: Session, before: datetime, after: Place | None, rows: int
) -> Removed:
    """Remove these references, from a place on, but for those of cases that are there."""
    order = (CaseReference.made_at, CaseReference.key)
    page = select(*order).where(order[0] < before)
    if after is not None:
        page = page.where(tuple_(*order) > (after.moment, after.key))
    found = session.execute(page.order_by(*order).limit(rows)).all()
    if not found:
        return Removed(is_last=True)
    has_case = exists().where(Case.key == CaseReference.case_key)
    gone = select(CaseReference.key).where(
        among(session, CaseReference.key, [key for _, key in found]), ~has_case
    )
    keys = session.scalars(gone).all()
    remove_audited(session, CaseReference, keys)
    return Removed(Counter({"references": len(keys)} if keys else {}), Place(*found[-1]))


def count_old_backfills(session: Session, before: datetime) -> int:
    """Return the number of back-fills that were begun before a time."""
    return count_rows(session, _old_backfills(before))


def remove_old_backfills(session: Session, before: datetime, _: Place | None, rows: int) -> Removed:
    """Remove some of these back-fills; those that have not ended are given up."""
    keys = session.scalars(_old_backfills(before).limit(_BACKFILLS_AT_ONCE)).all()
    for key in keys:
        end_backfill(session, key, is_whole=False)
    if removed := remove_leftovers(session, limit=rows):
        return Removed(Counter({"backfill_rows": removed}))
    session.execute(delete(BackfillCount).where(BackfillCount.backfill_key.in_(keys)))
    remove_audited(session, Backfill, keys)
    return Removed(Counter({"backfills": len(keys)} if keys else {}), is_last=not keys)


def count_old_days(session: Session, before: datetime) -> int:
    """Return the number of days before a time that have counts."""
    return len(session.scalars(_old_days(before)).all())


def remove_old_days(session: Session, before: datetime, _: Place | None, __: int) -> Removed:
    """Remove the counts of some of these days."""
    days = session.scalars(_old_days(before).limit(_DAYS_AT_ONCE)).all()
    session.execute(delete(DailyCount).where(DailyCount.day.in_(days)))
    return Removed(Counter({"daily_counts": len(days)} if days else {}), is_last=not days)


def count_old_lookups(session: Session, before: datetime) -> int:
    """Return the number of anchors of look-ups of days before a time."""
    return count_old_anchors(session, before.date())


def remove_old_lookups(session: Session, before: datetime, _: Place | None, rows: int) -> Removed:
    """Remove some of these anchors."""
    limit = max(1, rows // _LOOKUPS_EACH)
    number = remove_old_anchors(session, before.date(), limit=limit)
    return Removed(Counter({"lookup_anchors": number} if number else {}), is_last=not number)


def _old_messages(before: datetime) -> Select[int]:
    """Select messages that were sent, or are dead and not about a case; those end with the case."""
    return select(OutboxMessage.key).where(MESSAGE_IS_DONE, OutboxMessage.created_at < before)


def _old_tokens(before: datetime) -> Select[int]:
    has_ended = or_(AccessToken.revoked_at < before, AccessToken.expires_at < before)
    return select(AccessToken.key).where(has_ended).order_by(AccessToken.key)


def _old_prompts(before: datetime) -> Select[int]:
    order = (PromptMatch.matched_at, PromptMatch.key)
    return select(PromptMatch.key).where(PromptMatch.matched_at < before).order_by(*order)


def _old_backfills(before: datetime) -> Select[int]:
    return select(Backfill.key).where(Backfill.started_at < before).order_by(Backfill.started_at)


def _old_days(before: datetime) -> Select[Any]:
    return select(DailyCount.day).where(DailyCount.day < before.date()).distinct()
