"""Removal of closed notices, with what they ask for and who made them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..engine import among
from ..schema import Notice, NoticeContact, NoticeItem
from .turns import Place, Removed, count_rows, remove_audited

# A notice has about so many rows below it, and at most as many items as a request may name.
_ROWS_EACH = 8


def count_old_notices(session: Session, before: datetime) -> int:
    """Return the number of notices that were closed before a time."""
    return count_rows(session, _old_notices(before))


def remove_old_notices(session: Session, before: datetime, _: Place | None, rows: int) -> Removed:
    """Remove some of these notices; those that are open stay, however old they are."""
    old = _old_notices(before).limit(max(1, rows // _ROWS_EACH))
    keys = session.scalars(old.with_for_update(skip_locked=True)).all()
    items = session.scalars(
        select(NoticeItem.key).where(among(session, NoticeItem.notice_key, keys))
    ).all()
    contacts = session.scalars(
        select(NoticeContact.notice_key).where(among(session, NoticeContact.notice_key, keys))
    ).all()
    remove_audited(session, NoticeItem, items)
    remove_audited(session, NoticeContact, contacts)
    remove_audited(session, Notice, keys)
    removed = Counter(notices=len(keys), notice_items=len(items), notice_contacts=len(contacts))
    return Removed(+removed, is_last=not keys)


def _old_notices(before: datetime) -> Select[int]:
    order = (Notice.closed_at, Notice.key)
    return select(Notice.key).where(Notice.closed_at < before).order_by(*order)
