"""Notices for tests: requests with and without their parts, and those who act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hashmatch.config import Settings
from hashmatch.notices import (
    Closing,
    NoticeRequest,
    NoticeSupplement,
    RefusalReason,
    Registered,
    Work,
    close_notice,
    register_notice,
    supplement_notice,
)
from hashmatch.store.engine import Database
from hashmatch.store.notices import find_notice
from hashmatch.store.schema import Notice, NoticeState
from tests.cases.making import REVIEWER, SCANNER

PERSON: dict[str, Any] = {
    "name": "Unique Requester",
    "emails": ["unique-requester@example.org"],
    "signature": "U. Requester",
    "description": "unique words about the picture",
}
WHOLE: dict[str, Any] = {
    "signed": True,
    "good_faith": True,
    "made_by": "subject",
    "requester": PERSON,
    "places": [{"content_id": "post/1", "url": "https://x.example/p/1"}, {"content_id": "post/2"}],
}


def request_of(reference: str | None = "form/1", **changes: Any) -> NoticeRequest:
    """Return a valid request, with some of it changed."""
    return NoticeRequest.model_validate({**WHOLE, "reference": reference, **changes})


def add(
    database: Database,
    settings: Settings,
    reference: str | None = "form/1",
    **changes: Any,
) -> Registered:
    """Record a request as a platform does."""
    with database.writing(SCANNER.audit_name) as session:
        return register_notice(session, settings, request_of(reference, **changes), SCANNER)


def supplement(database: Database, settings: Settings, request_id: str, **parts: Any) -> Registered:
    """Add parts to a notice."""
    given = NoticeSupplement.model_validate(parts)
    with database.writing(SCANNER.audit_name) as session:
        return supplement_notice(session, settings, request_id, given, SCANNER)


def close(
    database: Database,
    request_id: str,
    outcome: NoticeState = NoticeState.REMOVED,
    *,
    at: datetime | None = None,
    work: Work | None = None,
    duplicate_of: str | None = None,
) -> NoticeState:
    """Close a notice as a reviewer does."""
    reason = RefusalReason.NOT_INTIMATE if outcome is NoticeState.REFUSED else None
    closing = Closing(outcome, reason, duplicate_of, "because", at, work or Work())
    with database.writing(REVIEWER.audit_name) as session:
        return close_notice(session, request_id, closing, REVIEWER).state


def row_of(database: Database, request_id: str) -> Notice:
    """Return a notice."""
    with database.reading() as session:
        row = find_notice(session, request_id)
        session.expunge(row)
        return row
