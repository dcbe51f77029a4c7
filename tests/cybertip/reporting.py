"""Reports for tests: queued, sent, and looked at later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from hashmatch.cases import case_senders, escalate
from hashmatch.config import Settings
from hashmatch.outbox import send_due
from hashmatch.store.engine import Database
from hashmatch.store.schema import NCMECReport, OutboxMessage, utc_now
from tests.cases.making import REVIEWER
from tests.cybertip.server import CyberTiplineServer
from tests.pictures import drawn

PICTURE = drawn(1)


def report_case(database: Database, settings: Settings, case: int, **more: Any) -> Any:
    with database.writing() as session:
        return escalate(session, settings, case, "ncmec", REVIEWER, **more)


def send(database: Database, settings: Settings) -> dict[str, int]:
    sent = send_due(database, case_senders(settings, database))
    assert sent.blocked == {}
    return dict(sent.counts)


def report_and_send(
    database: Database,
    settings: Settings,
    server: CyberTiplineServer,
    case: int,
    *faults: str | int,
) -> dict[str, int]:
    """Report a case to a server that has these faults, one a call, and try to send it once."""
    report_case(database, settings, case)
    server.faults = [*faults]
    return send(database, settings)


def pass_time(database: Database, server: CyberTiplineServer, **delta: float) -> None:
    """Let time pass for the server and for what the store remembers of it."""
    server.offset += timedelta(**delta)
    with database.writing() as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.next_attempt_at.is_not(None))
            .values(next_attempt_at=utc_now() - timedelta(seconds=1))
        )
        for row in session.query(NCMECReport).all():
            if row.touched_at is not None:
                row.touched_at -= timedelta(**delta)
            if row.began_at is not None:
                row.began_at -= timedelta(**delta)


def newest_stage(database: Database) -> str:
    with database.reading() as session:
        return session.query(NCMECReport).order_by(NCMECReport.key.desc()).first().stage  # type: ignore[union-attr]
