"""Submission of a report to NCMEC: opened, given its file, described and finished, exactly once.

Every step is on record before the next begins. A report that was opened and not finished never
counts: NCMEC deletes it a day after it was opened, or an hour after its last change. After a
failure a report is therefore resumed while it certainly still exists, and restarted once it has
expired. What became of a report whose answer was lost is asked of NCMEC, whose codes say whether it
is finished or gone.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.config import CyberTiplineEscalation, HandoffSettings, Settings
from hashmatch.errors import (
    FileGoneError,
    InputError,
    OutboxError,
    ReportFinishedError,
    ReportGoneError,
)
from hashmatch.store.cases import lock_ncmec_report, read_ncmec_report, read_ncmec_reports
from hashmatch.store.engine import Database, audit
from hashmatch.store.schema import NCMECReport, utc_now

from .client import BASES, CyberTipline
from .file_details import file_details, further_file_details
from .handoff import fetch_file, is_same_file
from .incident import Incident
from .report import report_document

CYBERTIPLINE = "cybertipline"
# An open report certainly still exists for this long after its last change: a little less than
# NCMEC's hour, since clocks differ and calls take time. It is changed three times at most, and so
# never comes near the day after which NCMEC deletes what was opened.
_CERTAIN_AFTER_CHANGE = timedelta(minutes=50)
# For all steps together: less than the lease of an outbox message, so that no other process takes
# the message over while this one is still at work.
_MAX_SECONDS = 8 * 60.0
# After so long, an attempt has ended, or will never end.
LONGEST_ATTEMPT = timedelta(seconds=_MAX_SECONDS + 120)

QUEUED, OPENED, UPLOADING, UPLOADED = "queued", "opened", "uploading", "uploaded"
DESCRIBED, FINISHING, FINISHED = "described", "finishing", "finished"
RETRACTED, UNKNOWN = "retracted", "unknown"
# Final stages.
ENDED = (FINISHED, RETRACTED)
# Stages of a report that nobody has tried to finish.
_RESUMABLE = (QUEUED, OPENED, UPLOADING, UPLOADED, DESCRIBED)


@dataclass(slots=True)
class _Submission:
    """One attempt to submit a report.

    `turn` is the number that the report had when this attempt began. Another process raises it to
    take the report over, after which this attempt can record nothing more.
    """

    database: Database
    server: CyberTipline
    target: CyberTiplineEscalation
    incident: Incident
    private_hosts: tuple[str, ...]
    key: int
    turn: int
    deadline_s: float
    on_finished: Callable[[Session, NCMECReport], None]

    def remaining_s(self) -> float:
        """Return the time that is left. Raises `OutboxError` where there is none."""
        remaining_s = self.deadline_s - time.monotonic()
        if remaining_s <= 0:
            raise OutboxError("the report took too long and will be resumed later")
        return remaining_s

    def save(self, stage: str, **values: object) -> None:
        """Record a stage and columns. Raises `OutboxError` where another process took over."""
        with self.database.writing() as session:
            row = lock_ncmec_report(session, self.key)
            if row.turn != self.turn:
                if stage != FINISHED:
                    raise OutboxError("another process took the report over")
                if row.stage == FINISHED:
                    return
                # NCMEC has the report, whatever was decided meanwhile.
                row.turn += 1
                _forget_later(session, row)
            row.stage = stage
            for name, value in values.items():
                setattr(row, name, value)
            audit(session, f"report.{stage}", row, {"case": row.case_key, "report": row.report_id})
            if stage == FINISHED:
                self.on_finished(session, row)


def base_of(target: CyberTiplineEscalation) -> str:
    """Return the base address that reports are sent to."""
    return (target.base or BASES[target.environment]).rstrip("/")


def submit(
    database: Database,
    settings: Settings,
    target: CyberTiplineEscalation,
    key: int,
    read_incident: Callable[[Session, NCMECReport], Incident],
    on_finished: Callable[[Session, NCMECReport], None],
) -> None:
    """Submit a report, from its present stage on. May be called again after any failure.

    `on_finished` is called in the transaction that records the report as finished. Raises
    `OutboxError` where a retry may help, and `InputError` where a person has to look.
    """
    with database.writing() as session:
        row = lock_ncmec_report(session, key)
        if row.stage in ENDED:
            return
        if row.stage == UNKNOWN:
            raise _unknown(row)
        # The ids of one server mean nothing to another.
        if row.base != base_of(target):
            raise InputError(
                f"the report was opened for {row.base}, which is no longer the escalation's address"
            )
        # From here on an earlier attempt can record nothing more.
        row.turn, row.began_at = row.turn + 1, utc_now()
        attempt = _Submission(
            database,
            CyberTipline(target, row.base, settings.outbox.private_hosts),
            target,
            read_incident(session, row),
            settings.outbox.private_hosts,
            key,
            row.turn,
            time.monotonic() + _MAX_SECONDS,
            on_finished,
        )
        begun = row.stage, row.report_id, row.file_id
        still_exists = _certainly_exists(row)
    try:
        _resume(attempt, *begun, still_exists=still_exists)
    except ReportFinishedError:
        attempt.save(FINISHED, finished_at=utc_now())
    except FileGoneError as error:
        # This attempt may have opened another report than it began with.
        with database.reading() as session:
            report_id = read_ncmec_report(session, key).report_id
        _discard(attempt, report_id)
        raise OutboxError(
            "the CyberTipline does not have the file as it was sent; the report will be restarted"
        ) from error
    except ReportGoneError as error:
        attempt.save(QUEUED, report_id="", file_id="", touched_at=None)
        raise OutboxError(
            "the CyberTipline has no record of the report; it will be restarted"
        ) from error


def _resume(
    attempt: _Submission, stage: str, report_id: str, file_id: str, *, still_exists: bool
) -> None:
    """Go on from a stage, or begin again where that cannot be gone on from."""
    if stage == FINISHING and still_exists:
        _finish_again(attempt, report_id)
        return
    # After an upload without an answer it is unknown whether the file arrived, and a second upload
    # could add it twice.
    if stage == UPLOADING or (stage not in (QUEUED, FINISHING) and not still_exists):
        _discard(attempt, report_id)
        stage = QUEUED
    _advance(attempt, stage, report_id, file_id)


def _advance(attempt: _Submission, stage: str, report_id: str, file_id: str) -> None:
    data: bytes | None = None
    if stage == QUEUED:
        # Before the report is opened: the platform may be slow, and an open report expires.
        data, without_file = _get_file(attempt)
        document = report_document(attempt.target, attempt.incident, without_file=without_file)
        report_id = attempt.server.submit(document, attempt.remaining_s())
        stage = OPENED
        attempt.save(
            OPENED,
            report_id=report_id,
            file_id="",
            without_file=without_file,
            content_key=attempt.incident.content.key,
            touched_at=utc_now(),
        )
    elif stage == OPENED:
        data, _ = _get_file(attempt)
    if stage == OPENED and data is not None:
        attempt.save(UPLOADING)
        reply = attempt.server.upload(report_id, data, attempt.remaining_s())
        del data  # It may be large, and is not needed any more.
        stage, file_id = UPLOADED, reply.file_id
        # The platform may hand over the file of other evidence than at an earlier attempt.
        own = attempt.incident.content.key
        attempt.save(UPLOADED, file_id=file_id, content_key=own, touched_at=utc_now())
    if stage == UPLOADED:
        document = file_details(attempt.target, attempt.incident, report_id, file_id)
        attempt.server.describe(document, attempt.remaining_s())
    if stage in (OPENED, UPLOADED):
        if attempt.target.file is not None:
            for number in range(len(attempt.incident.details.further_files)):
                _add_further_file(attempt, attempt.target.file, report_id, number)
        attempt.save(DESCRIBED, touched_at=utc_now())
    # Before the stage is saved: without time left no call is made, and the report stays unfinished.
    remaining_s = attempt.remaining_s()
    attempt.save(FINISHING)
    attempt.server.finish(report_id, remaining_s)
    attempt.save(FINISHED, finished_at=utc_now())


def _add_further_file(
    attempt: _Submission, handoff: HandoffSettings, report_id: str, number: int
) -> None:
    """Upload and describe one of the further files of an incident."""
    file = attempt.incident.details.further_files[number]
    data = fetch_file(
        handoff,
        file.content_id,
        file.reference or "",
        max_bytes=attempt.target.max_file_bytes,
        private_hosts=attempt.private_hosts,
    )
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise InputError(
            f"the platform handed over another file than its further file {number + 1}: the report"
            " is not finished",
            hint="Check the hand-over, or send the details without that file.",
        )
    # Until it is described, it is unknown what NCMEC has of it: the report is then restarted.
    attempt.save(UPLOADING)
    reply = attempt.server.upload(report_id, data, attempt.remaining_s())
    document = further_file_details(attempt.incident, number, report_id, reply.file_id)
    attempt.server.describe(document, attempt.remaining_s())


def _get_file(attempt: _Submission) -> tuple[bytes | None, str]:
    """Return the file with an empty reason, or None with the reason why no file is uploaded.

    Raises `OutboxError` where the platform may hand it over later, and `InputError` where it hands
    over another file.
    """
    handoff, incident = attempt.target.file, attempt.incident
    if handoff is None:
        return None, "the platform has configured no hand-over of files"
    data = fetch_file(
        handoff,
        incident.content.content_id,
        incident.content.reference,
        max_bytes=attempt.target.max_file_bytes,
        private_hosts=attempt.private_hosts,
    )
    answers = [(one, is_same_file(data, one.content, one.hashes)) for one in incident.evidence]
    for one, is_same in answers:
        if is_same:
            attempt.incident = incident.about(one.content.key)
            return data, ""
    if all(is_same is None for _, is_same in answers):
        return None, "no hash on record can prove a file to be the one that matched"
    raise InputError(
        "the platform handed over another file than the one that matched: nothing was sent",
        hint="Check the file that the hand-over returns for this content id.",
    )


def _finish_again(attempt: _Submission, report_id: str) -> None:
    """Finish a report that cannot have expired, after a call to finish it that got no answer."""
    try:
        attempt.server.finish(report_id, attempt.remaining_s())
    except ReportGoneError as error:
        # It is not finished, says the code; and it cannot be gone unfinished. Only NCMEC can tell.
        attempt.save(UNKNOWN)
        with attempt.database.reading() as session:
            raise _unknown(read_ncmec_report(session, attempt.key)) from error
    attempt.save(FINISHED, finished_at=utc_now())


def _forget_later(session: Session, row: NCMECReport) -> None:
    """Stop the reports that were queued in place of one that is finished after all."""
    for one in read_ncmec_reports(session, row.case_key):
        # One that was opened is deleted by NCMEC, since nobody finishes it.
        if one.key > row.key and one.base == row.base and one.stage in _RESUMABLE:
            one.stage, one.turn = RETRACTED, one.turn + 1
            audit(session, "report.retracted", one, {"case": row.case_key, "for": row.report_id})


def _discard(attempt: _Submission, report_id: str) -> None:
    """Retract a report that will not be resumed, and queue it again.

    Raises `ReportFinishedError` where NCMEC has it finished.
    """
    with suppress(ReportGoneError, InputError):  # It is gone already.
        attempt.server.retract(report_id, attempt.remaining_s())
    attempt.save(QUEUED, report_id="", file_id="", touched_at=None)


def retract_report(
    database: Database,
    settings: Settings,
    target: CyberTiplineEscalation,
    key: int,
    on_finished: Callable[[Session, NCMECReport], None],
) -> None:
    """Retract an unfinished report, and stop any attempt to submit it.

    Raises `InputError` where it is finished or may be, and `OutboxError`. `on_finished` is as in
    `submit`.
    """
    with database.writing() as session:
        row = lock_ncmec_report(session, key)
        if row.stage in (FINISHED, FINISHING, UNKNOWN):
            raise InputError(
                f"report {row.report_id} to NCMEC is finished, or may be, and cannot be retracted",
                hint=f"One that may be is settled by 'hashmatch cases settle {row.case_key}'.",
            )
        # Stops an attempt that is under way, before NCMEC is asked to retract.
        row.turn += 1
        turn, report_id, base = row.turn, row.report_id, row.base
    if report_id:
        server = CyberTipline(target, base, settings.outbox.private_hosts)
        try:
            with suppress(ReportGoneError, InputError):  # It is gone already.
                server.retract(report_id, target.timeout_s)
        except ReportFinishedError as error:
            _end_report(database, key, turn, FINISHED, on_finished)
            raise InputError(
                f"report {report_id} to NCMEC is finished, and is recorded as such now"
            ) from error
    _end_report(database, key, turn, RETRACTED, lambda *_: None)


def _end_report(
    database: Database,
    key: int,
    turn: int,
    stage: str,
    on_ended: Callable[[Session, NCMECReport], None],
) -> None:
    with database.writing() as session:
        row = lock_ncmec_report(session, key)
        if row.turn != turn:
            raise OutboxError("another process took the report over")
        row.stage = stage
        row.finished_at = utc_now() if stage == FINISHED else None
        audit(session, f"report.{stage}", row, {"case": row.case_key, "report": row.report_id})
        on_ended(session, row)


def _certainly_exists(row: NCMECReport) -> bool:
    """Say whether an unfinished report cannot have expired at NCMEC yet."""
    now: datetime = utc_now()
    return row.touched_at is not None and now - row.touched_at < _CERTAIN_AFTER_CHANGE


def _unknown(row: NCMECReport) -> InputError:
    return InputError(
        f"report {row.report_id} is of unknown status: NCMEC never confirmed that it was finished",
        hint=f"Ask NCMEC, then run 'hashmatch cases settle {row.case_key}' with --finished or"
        " --again.",
    )
