"""Views of notices for people and programs: without those who made the requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.config import NoticeSettings
from hashmatch.store.engine import HistoryRecord, read_history
from hashmatch.store.notices import (
    StoredItem,
    find_contact,
    find_notice,
    read_items,
    read_request_ids,
)
from hashmatch.store.opening import read_case_keys
from hashmatch.store.schema import ContributionState, Notice
from hashmatch.store.sharing import find_contribution_of, read_contributions

from .clock import hours_taken, is_in_time, is_overdue
from .request import missing_parts, parts_of

_CONTRIBUTIONS_OF_A_CASE = 20


def notice_row(notice: Notice, settings: NoticeSettings, now: datetime) -> dict[str, Any]:
    """Return a notice as a line of the register."""
    hours = hours_taken(notice)
    return {
        "request_id": notice.request_id,
        "reference": notice.reference,
        "state": notice.state,
        "missing": missing_of(notice, settings),
        "received_at": moment(notice.received_at),
        "completed_at": moment(notice.completed_at),
        "due_at": moment(notice.due_at),
        "is_overdue": is_overdue(notice, now),
        "closed_at": moment(notice.closed_at),
        "closed_by": notice.closed_by,
        "reason": notice.reason,
        "in_time": is_in_time(notice),
        "hours": None if hours is None else round(hours, 2),
        "copies_found": notice.copies_found,
        "copies_removed": notice.copies_removed,
        "requester_notified_at": moment(notice.requester_notified_at),
    }


def view_notice(
    session: Session, settings: NoticeSettings, request_id: str, now: datetime
) -> dict[str, Any]:
    """Return a notice with the places of its image, its notes and its history.

    Raises `NotFoundError`.
    """
    notice = find_notice(session, request_id)
    repeated = [] if notice.duplicate_of is None else [notice.duplicate_of]
    items = read_items(session, [notice.key])
    return {
        **notice_row(notice, settings, now),
        "parts": sorted(parts_of(notice)),
        "has_contact_here": find_contact(session, notice) is not None,
        # None where retention has removed that one.
        "duplicate_of": next(iter(read_request_ids(session, repeated).values()), None),
        "note": notice.note,
        "places": _places(session, items),
        "history": list(_history(read_history(session, notice))),
    }


def missing_of(notice: Notice, settings: NoticeSettings) -> list[str]:
    """Return the names of the parts that a notice lacks; none of one that was complete once."""
    if notice.completed_at is not None:
        return []
    return missing_parts(parts_of(notice), settings.parts)


def moment(at: datetime | None) -> str | None:
    """Return a time as it is written, to the second."""
    return None if at is None else at.isoformat(timespec="seconds")


def _places(session: Session, items: Sequence[StoredItem]) -> list[dict[str, Any]]:
    """Return places with the case of each content id, and the contributions of that."""
    ids = [one.row.content_id for one in items if one.row.content_id is not None]
    cases = read_case_keys(session, ids)
    return [_place(session, one, cases.get(one.row.content_id or "")) for one in items]


def _place(session: Session, one: StoredItem, case: int | None) -> dict[str, Any]:
    row = one.row
    is_listed = row.list_key is not None and row.entry is not None
    return {
        "content_id": row.content_id,
        "url": row.url,
        "removed_at": moment(row.removed_at),
        "entry": f"{one.list_name}/{row.entry}" if is_listed else None,
        "case": case,
        "contributions": _contributions(session, row.list_key, row.entry, case),
    }


def _contributions(
    session: Session, list_key: int | None, entry: int | None, case: int | None
) -> list[int]:
    """Return the numbers of the contributions by which the hashes of a place are in own lists."""
    found = set()
    if list_key is not None and entry is not None:
        of_entry = find_contribution_of(session, list_key, entry)
        found |= {of_entry.number} if of_entry is not None else set()
    if case is not None:
        found |= {
            one.number
            for one in read_contributions(session, case=case, limit=_CONTRIBUTIONS_OF_A_CASE)
            if one.state is ContributionState.ADDED
        }
    return sorted(found)


def _history(records: Sequence[HistoryRecord]) -> Iterator[dict[str, Any]]:
    for one in records:
        yield {"at": moment(one.at), "by": one.actor, "what": one.action, **json.loads(one.facts)}
