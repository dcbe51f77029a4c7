"""Retention classes of cases: how long a record has to stay, and by when it has to go."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.config import CasesSettings, Settings
from hashmatch.store.engine import audit
from hashmatch.store.preservation import find_retention, save_retention
from hashmatch.store.schema import CaseRetention, RetentionClass


def retention_class_of(session: Session, settings: CasesSettings, case: int) -> RetentionClass:
    """Return the retention class of a case: its own, or the configured one."""
    row = find_retention(session, case)
    return RetentionClass(settings.retention_class if row is None else row.retention_class)


def keep_for_report(session: Session, settings: Settings, case: int, reported_at: datetime) -> None:
    """Keep a case, which is locked, for as long as one that was reported at a time has to be.

    One of the class messaging stays that: it was chosen because a law ends it sooner.
    """
    if retention_class_of(session, settings.cases, case) is RetentionClass.MESSAGING:
        return
    saved = set_class(session, settings, case, RetentionClass.REPORT, reported_at)
    audit(session, "case.retention", saved, {"class": saved.retention_class})


def set_class(
    session: Session, settings: Settings, case: int, chosen: RetentionClass, at: datetime
) -> CaseRetention:
    """Set the retention class of a case; that of a report keeps it from that time on."""
    until = None
    if chosen is RetentionClass.REPORT:
        until, before = at + timedelta(days=settings.retention.report_days), None
        if (row := find_retention(session, case)) is not None:
            before = row.keep_until
        # An earlier report may have been recorded later.
        until = until if before is None else max(until, before)
    return save_retention(session, case, chosen, until)
