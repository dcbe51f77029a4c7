"""One report on its way to NCMEC: opened, given its file, described and finished, exactly once.

Every step is on record before the next begins. What was opened and not finished never counts: NCMEC
deletes it an hour after its last change and a day after it was opened. So what breaks is resumed
while it is surely there, and begun anew where it surely is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.config import CyberTiplineEscalation, Settings
from hashmatch.errors import InputError, OutboxError, ReportGoneError
from hashmatch.store.cases import lock_ncmec_report
from hashmatch.store.engine import Database, audit
from hashmatch.store.schema import NCMECReport, utc_now

from .documents import Incident, file_details, report_document
from .handoff import fetch_file, is_same_file
from .talking import BASES, CyberTipline

CYBERTIPLINE = "cybertipline"
# For so long a report that was touched is surely still there.
_SURELY_THERE = timedelta(minutes=50)
_SURELY_THERE_AT_ALL = timedelta(hours=23)
# All steps together, so that nobody else takes the message while one is at work.
_MOST_SECONDS = 8 * 60.0

QUEUED, OPENED, UPLOADING, UPLOADED = "queued", "opened", "uploading", "uploaded"
DESCRIBED, FINISHING, FINISHED = "described", "finishing", "finished"
RETRACTED, UNSURE = "retracted", "unsure"
# Nothing more will come of these.
ENDED = (FINISHED, RETRACTED)


@dataclass(slots=True)
class _Submission:
    """One attempt, by the process whose turn it is."""

    database: Database
    server: CyberTipline
    target: CyberTiplineEscalation
    incident: Incident
    private_hosts: tuple[str, ...]
    key: int
    turn: int
    until_s: float
    finished: Callable[[Session, NCMECReport], None]

    def left_s(self) -> float:
        """Return how much time is left. Raises `OutboxError` where none is."""
        left_s = self.until_s - time.monotonic()
        if left_s <= 0:
            raise OutboxError("the report took too long and is gone on with later")
        return left_s

    def save(self, stage: str, **values: object) -> None:
        """Put a step on record. Raises `OutboxError` where another process took over."""
        with self.database.writing() as session:
            row = lock_ncmec_report(session, self.key)
            if row.turn != self.turn:
                raise OutboxError("another process took the report over")
            row.stage = stage
            for name, value in values.items():
                setattr(row, name, value)
            audit(session, f"report.{stage}", row, {"case": row.case_key, "report": row.report_id})
            if stage == FINISHED:
                self.finished(session, row)


def base_of(target: CyberTiplineEscalation) -> str:
    """Return the address that reports go to."""
    return (target.base or BASES[target.environment]).rstrip("/")


def submit(
    database: Database,
    settings: Settings,
    target: CyberTiplineEscalation,
    key: int,
    read_incident: Callable[[Session, NCMECReport], Incident],
    finished: Callable[[Session, NCMECReport], None],
) -> None:
    """Bring a report to its end, from wherever it stands. May be called again after any failure.

    `finished` is called in the transaction that records it. Raises `OutboxError` where that may
    help and `InputError` where a person has to look.
    """
    with database.writing() as session:
        row = lock_ncmec_report(session, key)
        if row.stage in ENDED:
            return
        if row.stage == UNSURE:
            raise _unsure(row)
        if row.base != base_of(target):
            raise InputError(f"the report is for {row.base}, which is no longer the escalation's")
        row.turn += 1
        attempt = _Submission(
            database,
            CyberTipline(target, row.base, settings.outbox.private_hosts),
            target,
            read_incident(session, row),
            settings.outbox.private_hosts,
            key,
            row.turn,
            time.monotonic() + _MOST_SECONDS,
            finished,
        )
        stage, report_id, file_id = row.stage, row.report_id, row.file_id
        is_there = _is_surely_there(row)
    if stage == FINISHING:
        _finish_again(attempt, report_id, is_there=is_there)
        return
    # Of an upload without an answer nobody knows whether the file is there.
    if stage != QUEUED and (stage == UPLOADING or not is_there):
        _give_up(attempt, report_id)
        stage = QUEUED
    try:
        _go_on(attempt, stage, report_id, file_id)
    except ReportGoneError as error:
        attempt.save(QUEUED, report_id="", file_id="", touched_at=None)
        raise OutboxError("the CyberTipline lost the report; it is begun anew") from error


def _go_on(attempt: _Submission, stage: str, report_id: str, file_id: str) -> None:
    data: bytes | None = None
    if stage == QUEUED:
        data, without_file = _get_file(attempt)
        document = report_document(attempt.target, attempt.incident, without_file=without_file)
        report_id = attempt.server.submit(document, attempt.left_s())
        stage = OPENED
        attempt.save(
            OPENED,
            report_id=report_id,
            file_id="",
            without_file=without_file,
            created_at=utc_now(),
            touched_at=utc_now(),
        )
    elif stage == OPENED:
        data, _ = _get_file(attempt)
    if stage == OPENED and data is not None:
        attempt.save(UPLOADING)
        reply = attempt.server.upload(report_id, data, attempt.left_s())
        del data
        stage, file_id = UPLOADED, reply.file_id
        attempt.save(UPLOADED, file_id=file_id, touched_at=utc_now())
    if stage == UPLOADED:
        document = file_details(attempt.target, attempt.incident, report_id, file_id)
        attempt.server.describe(document, attempt.left_s())
        attempt.save(DESCRIBED, touched_at=utc_now())
    left_s = attempt.left_s()
    attempt.save(FINISHING)
    attempt.server.finish(report_id, left_s)
    attempt.save(FINISHED, finished_at=utc_now())


def _get_file(attempt: _Submission) -> tuple[bytes | None, str]:
    """Return the file, or why there is none.

    Raises `OutboxError` where the platform may hand it over later, and `InputError` where what it
    hands over is another one.
    """
    handoff, incident = attempt.target.file, attempt.incident
    if handoff is None:
        return None, "the platform has set up no hand-over of files"
    data = fetch_file(
        handoff,
        incident.content,
        max_bytes=attempt.target.max_file_bytes,
        private_hosts=attempt.private_hosts,
    )
    match is_same_file(data, incident.content, incident.hashes):
        case True:
            return data, ""
        case False:
            raise InputError(
                "what the platform handed over is not the file that matched: nothing was sent",
                hint="Look at what its hand-over gives for this content id.",
            )
        case None:
            return None, "only hashes of it were looked up, which prove no file to be the one"


def _finish_again(attempt: _Submission, report_id: str, *, is_there: bool) -> None:
    """Finish a report of which nobody knows whether it is finished."""
    try:
        attempt.server.finish(report_id, attempt.left_s())
    except ReportGoneError as error:
        # It was there, and open, until it was finished; or it is so long ago that it was deleted.
        if not is_there:
            attempt.save(UNSURE)
            with attempt.database.reading() as session:
                raise _unsure(session.get_one(NCMECReport, attempt.key)) from error
    attempt.save(FINISHED, finished_at=utc_now())


def _give_up(attempt: _Submission, report_id: str) -> None:
    """Take back a report that is not gone on with."""
    with suppress(ReportGoneError, InputError):  # It is gone already.
        attempt.server.retract(report_id, attempt.left_s())
    attempt.save(QUEUED, report_id="", file_id="", touched_at=None)


def retract_report(
    database: Database, settings: Settings, target: CyberTiplineEscalation, key: int
) -> None:
    """Take back a report that is not finished, and let nobody go on with it.

    Raises `InputError` where it is finished, or may be, and `OutboxError`.
    """
    with database.writing() as session:
        row = lock_ncmec_report(session, key)
        if row.stage in (FINISHED, FINISHING, UNSURE):
            raise InputError(f"report {row.report_id} to NCMEC is finished, or may be")
        row.turn += 1
        turn, report_id, base = row.turn, row.report_id, row.base
    if report_id:
        server = CyberTipline(target, base, settings.outbox.private_hosts)
        with suppress(ReportGoneError, InputError):  # It is gone already.
            server.retract(report_id, target.timeout_s)
    with database.writing() as session:
        row = lock_ncmec_report(session, key)
        if row.turn != turn:
            raise OutboxError("another process took the report over")
        row.stage = RETRACTED
        audit(session, "report.retracted", row, {"case": row.case_key, "report": report_id})


def _is_surely_there(row: NCMECReport) -> bool:
    now: datetime = utc_now()
    return (
        row.touched_at is not None
        and now - row.touched_at < _SURELY_THERE
        and now - row.created_at < _SURELY_THERE_AT_ALL
    )


def _unsure(row: NCMECReport) -> InputError:
    return InputError(
        f"nobody answered whether report {row.report_id} was finished, and it is too late to ask",
        hint=f"Ask NCMEC, then say 'hashmatch cases settle {row.case_key} --finished' or --again.",
    )
