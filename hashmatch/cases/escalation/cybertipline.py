"""Escalation to NCMEC: reports to the CyberTipline, sent, retracted and settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.orm import Session

from hashmatch.config import CyberTiplineEscalation, Settings, read_secret
from hashmatch.cybertip import (
    CYBERTIPLINE,
    ENDED,
    FINISHED,
    FINISHING,
    LONGEST_ATTEMPT,
    QUEUED,
    RETRACTED,
    UNKNOWN,
    Evidence,
    Incident,
    base_of,
    report_document,
    retract_report,
    submit,
)
from hashmatch.errors import CaseStateError, ConfigError
from hashmatch.store.cases import (
    add_ncmec_report,
    lock_case,
    lock_ncmec_report,
    read_case,
    read_case_contents,
    read_case_matches,
    read_merged,
    read_ncmec_report,
    read_ncmec_reports,
    read_reports_of_account,
)
from hashmatch.store.engine import Database, audit
from hashmatch.store.matches import read_content_hashes
from hashmatch.store.outbox import Message, queue_message
from hashmatch.store.schema import Case, MatchRecord, NCMECReport, utc_now
from hashmatch.uploaders import Details, Sealer, open_sealer

from ..actors import SYSTEM, Actor
from ..deadlines import set_deadlines
from ..decisions import ActionDone, begin_action, move
from ..duties import record_reference
from ..states import CaseAction, State
from ..uploader_details import open_details
from .interface import EscalationChannel, find_target

# Earlier reports of the same account that a report names.
_MAX_PRIOR_REPORTS = 20
# The authority of references to reports from here.
_NCMEC = "NCMEC"
_NO_FILE = "the platform does not send files with its reports"
_SETTLE = "Ask NCMEC, then run 'hashmatch cases settle {}' with --finished or --again."


class CyberTiplineChannel(EscalationChannel[CyberTiplineEscalation]):
    """Reports cases to NCMEC, once each unless NCMEC needs another report."""

    action = CaseAction.REPORT
    message_kind = CYBERTIPLINE
    at_once = 1
    is_owed = True

    def require_ready(self, settings: Settings, target: CyberTiplineEscalation) -> None:
        """Raise `ConfigError` where a password, a key or the secret for files is missing."""
        read_secret(target.password)
        open_sealer(settings)
        if target.file is not None and target.file.secret is not None:
            read_secret(target.file.secret)

    def require_unsent(
        self, session: Session, row: Case, target: CyberTiplineEscalation, *, again: bool
    ) -> None:
        """Raise `CaseStateError` where a report is under way, or finished and not `again`.

        One that is finished does not stand in the way of what was found, and decided, after it.
        """
        base = base_of(target)
        reports = [one for one in reports_with_merged(session, row) if one.base == base]
        for one in reports:
            if one.stage not in ENDED:
                raise CaseStateError(
                    f"a report of case {one.case_key} is under way",
                    hint=_SETTLE.format(one.case_key)
                    if one.stage in (UNKNOWN, FINISHING)
                    else "'hashmatch outbox list' shows its state, 'outbox retry' resumes it and"
                    f" 'cases retract {one.case_key}' retracts it.",
                )
        finished = [one for one in reports if one.stage == FINISHED]
        if finished and not again and not _has_more(session, row, finished):
            raise CaseStateError(
                f"case {row.key} was reported already, as report {finished[-1].report_id}",
                hint="Use --again where NCMEC needs another report of it.",
            )

    def queue(self, session: Session, row: Case, name: str, target: CyberTiplineEscalation) -> None:
        """Queue a report of a case."""
        report = NCMECReport(
            case_key=row.key,
            target=name,
            base=base_of(target),
            is_test=target.environment == "test",
            stage=QUEUED,
        )
        add_ncmec_report(session, report)
        audit(session, "report.queued", report, {"case": row.key, "to": name})
        body = {"type": "case.reported", "report": report.key}
        subject = f"{CYBERTIPLINE}/{report.key}"
        queue_message(session, CYBERTIPLINE, name, subject, body, case=row.key)

    def preview(
        self,
        session: Session,
        settings: Settings,
        row: Case,
        target: CyberTiplineEscalation,
        *,
        with_details: bool,
    ) -> str:
        """Return the report document, as it would be sent now."""
        incident = read_incident(session, open_sealer(settings), row.key, with_details=with_details)
        without_file = "" if target.file is not None else _NO_FILE
        return report_document(target, incident, without_file=without_file).decode()

    def find_case(self, session: Session, message: Message) -> int:
        """Return the case of a report."""
        return read_ncmec_report(session, int(message.body["report"])).case_key

    def next_step(self, session: Session, message: Message) -> str:
        """Return what a person does about a report that nobody will retry."""
        report = read_ncmec_report(session, int(message.body["report"]))
        if report.stage in (UNKNOWN, FINISHING):
            return _SETTLE.format(report.case_key)
        return (
            f"'hashmatch outbox retry {message.key}' once that is mended, or 'hashmatch cases"
            f" retract {report.case_key}'"
        )

    def send(
        self,
        database: Database,
        settings: Settings,
        target: CyberTiplineEscalation,
        message: Message,
    ) -> None:
        """Submit a report, from its present stage on; see `hashmatch.cybertip.submit`."""
        sealer = open_sealer(settings)
        submit(
            database,
            settings,
            target,
            int(message.body["report"]),
            lambda session, report: read_incident(session, sealer, report.case_key, report=report),
            partial(_reported, settings),
        )


def retract(database: Database, settings: Settings, case: int, actor: Actor) -> ActionDone:
    """Retract an unfinished report of a case.

    Raises what `decide` raises, and `OutboxError` where NCMEC does not answer.
    """
    with database.writing(actor.audit_name) as session:
        row = begin_action(session, case, CaseAction.RETRACT, actor)
        report = _newest_report(session, row, lambda stage: stage not in ENDED)
        target = find_target(settings, report.target)
        if not isinstance(target, CyberTiplineEscalation):
            raise ConfigError(f"escalations.{report.target} is no longer a cybertipline")
        audit(session, "report.retracting", report, {"case": case})
    retract_report(database, settings, target, report.key, partial(_reported, settings))
    with database.writing(actor.audit_name) as session:
        return move(session, lock_case(session, case), CaseAction.RETRACT, actor, {})


def settle(
    session: Session, settings: Settings, case: int, actor: Actor, *, is_finished: bool
) -> ActionDone:
    """Settle a report of unknown status, by what NCMEC answered to a person.

    Raises what `decide` raises.
    """
    row = begin_action(session, case, CaseAction.SETTLE, actor)
    found = _newest_report(session, row, lambda stage: stage in (UNKNOWN, FINISHING))
    report = lock_ncmec_report(session, found.key)
    if report.stage == FINISHING and report.began_at is not None:
        ends_at = report.began_at + LONGEST_ATTEMPT
        if ends_at > utc_now():
            raise CaseStateError(
                f"the report of case {case} is being finished now, and may become NCMEC's yet",
                hint=f"Settle it after {ends_at:%H:%M} UTC, if it is not finished by then.",
            )
    report.turn += 1
    report.stage = FINISHED if is_finished else RETRACTED
    report.finished_at = utc_now() if is_finished else None
    facts = {"case": case, "finished": is_finished, "actor": actor.name}
    audit(session, "report.settled", report, facts)
    move(session, row, CaseAction.SETTLE, actor, {"finished": is_finished})
    if is_finished:
        _reported(settings, session, report)
    return ActionDone(case, State(row.state))


def read_incident(
    session: Session,
    sealer: Sealer,
    case: int,
    *,
    with_details: bool = True,
    report: NCMECReport | None = None,
) -> Incident:
    """Return the facts to report of a case. Raises `NotFoundError` and `ConfigError`.

    Of a case that was reported before these are what is new since then, and the earlier reports.
    A `report` has what was known when it was queued: what came later nobody decided about. One
    that was opened for the file of some evidence goes on with it.
    """
    stored = read_case(session, case)
    details = (open_details(session, sealer, case) if with_details else None) or Details()
    prior = read_reports_of_account(
        session, case, sealer.account_digests(details), limit=_MAX_PRIOR_REPORTS
    )
    earlier = _earlier_reports(session, stored.row, report)
    matches = read_case_matches(session, stored.row)
    if report is not None:
        matches = [one for one in matches if one[0].matched_at <= report.created_at] or matches
    is_new = _unreported(session, stored.row, earlier)
    new = [one for one in matches if earlier and is_new(one[0])]
    evidence = _evidence(session, stored.row, new or matches) or [Evidence(stored.content, ())]
    first, *others = evidence
    incident = Incident(
        case=case,
        content=first.content,
        matches=new or matches,
        hashes=first.hashes,
        details=details,
        prior_reports=[int(one) for one in prior if one.isdecimal()],
        others=others,
        earlier_reports=[one.report_id for one in earlier],
    )
    if report is None or report.content_key is None:
        return incident
    return incident.about(report.content_key)


def reports_with_merged(session: Session, row: Case) -> list[NCMECReport]:
    """Return the reports of the cases that were merged into a case, and then its own."""
    keys = (*read_merged(session, row), row.key)
    return [one for key in keys for one in read_ncmec_reports(session, key)]


def _earlier_reports(session: Session, row: Case, report: NCMECReport | None) -> list[NCMECReport]:
    """Return the finished reports of a case and of those merged into it, before a report."""
    return [
        one
        for one in reports_with_merged(session, row)
        if one.stage == FINISHED and not one.is_test and (report is None or one.key < report.key)
    ]


def _evidence(
    session: Session, row: Case, matches: Sequence[tuple[MatchRecord, str]]
) -> list[Evidence]:
    """Return the evidence of matches, first the newest of which the bytes were screened."""
    wanted = {record.content_key for record, _ in matches}
    contents = [one for one in read_case_contents(session, row) if one.key in wanted]
    contents.sort(key=lambda one: (bool(one.format), one.key), reverse=True)
    return [Evidence(one, read_content_hashes(session, one.key)) for one in contents]


def _has_more(session: Session, row: Case, finished: Sequence[NCMECReport]) -> bool:
    """Say whether a case was decided about with matches that these reports were not about."""
    is_new, decided_at = _unreported(session, row, finished), row.decided_at
    return decided_at is not None and any(
        is_new(one) and one.matched_at < decided_at for one, _ in read_case_matches(session, row)
    )


def _unreported(
    session: Session, row: Case, finished: Sequence[NCMECReport]
) -> Callable[[MatchRecord], bool]:
    """Return what says of a match of a case whether none of these reports was about it.

    One of a case that was merged was about its own bytes, and one of the case itself about them
    only where it came after that.
    """
    merged = [read_case(session, key).row for key in read_merged(session, row)]
    owners = {one.content_key: one for one in merged}

    def is_unreported(match: MatchRecord) -> bool:
        owner = owners.get(match.content_key, row)
        return not any(
            match.matched_at <= one.created_at
            and (
                one.case_key == owner.key
                or (one.case_key == row.key and one.created_at > owner.changed_at)
            )
            for one in finished
        )

    return is_unreported


def _reported(settings: Settings, session: Session, report: NCMECReport) -> None:
    """Move a case whose report is finished; one to the test server changes nothing."""
    row = lock_case(session, report.case_key)
    facts: dict[str, object] = {"report": report.report_id}
    if report.is_test:
        audit(session, "case.reported_as_a_test", row, facts)
    else:
        row.notified_at = row.notified_at or utc_now()
        made_at = report.finished_at or utc_now()
        record_reference(session, settings, row, _NCMEC, report.report_id, SYSTEM, made_at)
        if row.content_id is not None:
            set_deadlines(session, settings.cases, row, "reported")
        move(session, row, CaseAction.REPORTED, SYSTEM, facts)


def _newest_report(session: Session, row: Case, is_wanted: Callable[[str], bool]) -> NCMECReport:
    """Return the newest report of a case in a wanted stage. Raises `CaseStateError`."""
    reports = read_ncmec_reports(session, row.key)
    for one in reversed(reports):
        if is_wanted(one.stage):
            return one
    stages = ", ".join(one.stage for one in reports) or "none"
    raise CaseStateError(f"case {row.key} has no such report to NCMEC; it has: {stages}")
