"""Export of the register: a row for each notice, without those who made the requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy.orm import Session

from hashmatch.config import NoticeSettings
from hashmatch.store.notices import StoredItem, items_by_notice, read_received
from hashmatch.store.opening import read_case_keys
from hashmatch.store.schema import Notice, utc_now

from .clock import hours_taken, is_in_time, is_overdue
from .views import missing_of, moment

_NOTICES_A_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One notice in an export; names are stable, times ISO 8601 in UTC, empty where there is none.

    Several values in a cell are separated by ` | `.
    """

    request_id: str
    reference: str
    state: str
    missing: str
    received_at: str
    completed_at: str
    due_at: str
    closed_at: str
    hours: float | None
    in_time: str
    overdue: str
    reason: str
    closed_by: str
    content_ids: str
    places: int
    places_removed: int
    copies_found: int | None
    copies_removed: int | None
    requester_notified_at: str
    cases: str
    entries: str


def notice_rows(
    session: Session, settings: NoticeSettings, since: datetime | None, until: datetime | None
) -> Iterator[NoticeRow]:
    """Yield the notices that were received in a period, the oldest first."""
    now = utc_now()
    for batch in _batches(read_received(session, since, until)):
        items = items_by_notice(session, [one.key for one in batch])
        ids = {item.row.content_id for some in items.values() for item in some}
        cases = read_case_keys(session, [one for one in ids if one is not None])
        for one in batch:
            own = items[one.key]
            found = [cases[item.row.content_id] for item in own if item.row.content_id in cases]
            yield _row(one, settings, now, own, found)


def _batches(notices: Iterator[Notice]) -> Iterator[list[Notice]]:
    while batch := list(islice(notices, _NOTICES_A_BATCH)):
        yield batch


def _row(
    one: Notice,
    settings: NoticeSettings,
    now: datetime,
    items: Sequence[StoredItem],
    cases: Iterable[int],
) -> NoticeRow:
    hours, in_time = hours_taken(one), is_in_time(one)
    return NoticeRow(
        request_id=one.request_id,
        reference=one.reference or "",
        state=one.state,
        missing=" | ".join(missing_of(one, settings)),
        received_at=moment(one.received_at) or "",
        completed_at=moment(one.completed_at) or "",
        due_at=moment(one.due_at) or "",
        closed_at=moment(one.closed_at) or "",
        hours=None if hours is None else round(hours, 2),
        in_time="" if in_time is None else _word(is_true=in_time),
        overdue=_word(is_true=is_overdue(one, now)),
        reason=one.reason,
        closed_by=one.closed_by,
        content_ids=_joined(item.row.content_id for item in items),
        places=len(items),
        places_removed=sum(item.row.removed_at is not None for item in items),
        copies_found=one.copies_found,
        copies_removed=one.copies_removed,
        requester_notified_at=moment(one.requester_notified_at) or "",
        cases=_joined(str(case) for case in sorted(set(cases))),
        entries=_joined(
            f"{item.list_name}/{item.row.entry}" for item in items if item.row.entry is not None
        ),
    )


def _word(*, is_true: bool) -> str:
    return "yes" if is_true else "no"


def _joined(values: Iterable[str | None]) -> str:
    return " | ".join(dict.fromkeys(one for one in values if one))
