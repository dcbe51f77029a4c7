"""Cases on their way to others: queued with the decision, and told until it arrived."""

from __future__ import annotations

from functools import partial
from typing import assert_never

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.config import (
    CyberTiplineEscalation,
    EmailEscalation,
    EscalationSettings,
    Settings,
    WebhookEscalation,
    read_secret,
)
from hashmatch.cybertip import (
    CYBERTIPLINE,
    FINISHED,
    QUEUED,
    RETRACTED,
    UNSURE,
    Incident,
    base_of,
    retract_report,
    submit,
)
from hashmatch.details import Details, Sealer, open_sealer
from hashmatch.errors import CaseStateError, ConfigError, InputError
from hashmatch.outbox import Sender, post_signed, require_signing
from hashmatch.store import (
    Case,
    ContentHash,
    Database,
    Message,
    NCMECReport,
    audit,
    lock_case,
    lock_ncmec_report,
    queue_message,
    read_case,
    read_case_matches,
    read_ncmec_reports,
    utc_now,
)

from .acting import Done, add_note, begin, move, propose, waits_for_another
from .details import open_details
from .email import send_email
from .people import SYSTEM, Person
from .states import CaseAction, State
from .views import case_facts

ESCALATION = "escalation"


def escalate(
    session: Session,
    settings: Settings,
    case: int,
    target_name: str,
    person: Person,
    *,
    note: str = "",
    change: int | None = None,
    again: bool = False,
) -> Done:
    """Hand a case over to `[escalations.NAME]`; the outbox tells it once this is committed.

    A report to NCMEC is sent once, unless it has to be `again`; under the four-eyes rule it waits
    for another person. Raises what `decide` raises, and `ConfigError`.
    """
    target = _find_target(settings, target_name)
    is_report = isinstance(target, CyberTiplineEscalation)
    action = CaseAction.REPORT if is_report else CaseAction.ESCALATE
    row = begin(session, case, action, person, change=change)
    if note.strip():
        add_note(session, case, note, person)
    if isinstance(target, CyberTiplineEscalation):
        _require_unreported(session, row, target, again=again)
        if waits_for_another(settings.cases, row, action, person):
            return propose(session, row, action, person)
        report = NCMECReport(
            case_key=case,
            target=target_name,
            base=base_of(target),
            is_test=target.environment == "test",
            stage=QUEUED,
        )
        session.add(report)
        session.flush()
        audit(session, "report.queued", report, {"case": case, "to": target_name})
        subject = f"{CYBERTIPLINE}/{report.key}"
        queue_message(session, CYBERTIPLINE, target_name, subject, {"report": report.key})
        return move(session, row, action, {"target": target_name})
    done = move(session, row, action, {"target": target_name})
    session.flush()
    facts = case_facts(session, read_case(session, case))
    body = {"type": "case.escalated", "timestamp": utc_now().isoformat(), "data": facts}
    subject = f"{ESCALATION}/{target_name}/case/{case}/{row.change}"
    queue_message(session, ESCALATION, target_name, subject, {**body, "case": case})
    return done


def case_senders(settings: Settings, database: Database) -> dict[str, Sender]:
    """Return what sends escalations and reports."""
    require = partial(_require_target, settings)
    return {
        ESCALATION: Sender(partial(_tell, database, settings), require),
        CYBERTIPLINE: Sender(partial(_report, database, settings), require, at_once=1),
    }


def require_escalation(settings: Settings, target_name: str) -> None:
    """Raise `ConfigError` where nothing could be sent to a target from here."""
    _require_target(settings, target_name)


def retract(database: Database, settings: Settings, case: int, person: Person) -> Done:
    """Take back a report of a case that is not finished.

    Raises what `decide` raises, and `OutboxError` where NCMEC does not answer.
    """
    with database.writing(person.actor) as session:
        row = begin(session, case, CaseAction.RETRACT, person)
        report = _newest_report(session, row)
        target = _find_target(settings, report.target)
        audit(session, "report.retracting", report, {"case": case})
    if not isinstance(target, CyberTiplineEscalation):
        raise ConfigError(f"escalations.{report.target} is no cybertipline any more")
    retract_report(database, settings, target, report.key)
    with database.writing(person.actor) as session:
        return move(session, lock_case(session, case), CaseAction.RETRACT, {})


def settle(session: Session, case: int, person: Person, *, is_finished: bool) -> Done:
    """Say what NCMEC said of a report of which nobody knew whether it was finished.

    Raises what `decide` raises.
    """
    row = begin(session, case, CaseAction.RETRACT, person)
    report = _newest_report(session, row)
    report = lock_ncmec_report(session, report.key)
    if report.stage != UNSURE:
        raise CaseStateError(f"the newest report of case {case} is {report.stage}, not {UNSURE}")
    report.stage = FINISHED if is_finished else RETRACTED
    report.finished_at = utc_now() if is_finished else None
    audit(session, "report.settled", report, {"case": case, "finished": is_finished})
    if is_finished:
        _reported(session, report)
    return Done(case, State(row.state))


def _find_target(settings: Settings, name: str) -> EscalationSettings:
    target = settings.escalations.get(name)
    if target is None:
        known = ", ".join(settings.escalations) or "none yet"
        raise InputError(
            f"there is no escalation named {name[:64]!r}",
            hint=f"The configuration has {known}; sample_config.toml shows how to make one.",
        )
    return target


def _require_target(settings: Settings, name: str) -> EscalationSettings:
    """Return what a message goes to. Raises `ConfigError` where it cannot go there from here."""
    target = settings.escalations.get(name)
    if target is None:
        raise ConfigError(
            f"the configuration has no escalation {name}",
            hint="Put it back, or let 'hashmatch outbox drop' forget its messages.",
        )
    if isinstance(target, WebhookEscalation):
        require_signing(target)
    elif target.password is not None:
        read_secret(target.password)
    if isinstance(target, CyberTiplineEscalation):
        open_sealer(settings)
        if target.file is not None and target.file.secret is not None:
            read_secret(target.file.secret)
    return target


def _tell(database: Database, settings: Settings, message: Message) -> None:
    target, case = _require_target(settings, message.target), int(message.body["case"])
    match target:
        case WebhookEscalation():
            body = {key: value for key, value in message.body.items() if key != "case"}
            post_signed(target, settings.outbox.private_hosts, message, body)
        case EmailEscalation():
            send_email(target, message.body["data"])
        case CyberTiplineEscalation():
            raise ConfigError(f"escalations.{message.target} has become a cybertipline")
        case _:
            assert_never(target)
    with database.writing() as session:
        row = lock_case(session, case)
        audit(session, "escalation.sent", row, {"to": message.target, "message": message.key})


def _report(database: Database, settings: Settings, message: Message) -> None:
    target = _require_target(settings, message.target)
    if not isinstance(target, CyberTiplineEscalation):
        raise ConfigError(f"escalations.{message.target} is no cybertipline any more")
    sealer = open_sealer(settings)
    submit(
        database,
        settings,
        target,
        int(message.body["report"]),
        lambda session, report: read_incident(session, sealer, report.case_key),
        _reported,
    )


def read_incident(
    session: Session, sealer: Sealer, case: int, *, with_details: bool = True
) -> Incident:
    """Return what there is to report of a case. Raises `NotFoundError` and `ConfigError`."""
    stored = read_case(session, case)
    hashes = session.scalars(
        select(ContentHash)
        .where(ContentHash.content_key == stored.content.key)
        .order_by(ContentHash.algorithm, ContentHash.frame)
    )
    return Incident(
        case=case,
        content=stored.content,
        matches=read_case_matches(session, stored.content.key),
        hashes=list(hashes),
        details=(open_details(session, sealer, case) if with_details else None) or Details(),
    )


def _reported(session: Session, report: NCMECReport) -> None:
    """Lead a case on whose report is finished; one to the test server changes nothing."""
    row = lock_case(session, report.case_key)
    facts: dict[str, object] = {"report": report.report_id, "by": SYSTEM.name}
    if report.is_test:
        audit(session, "case.reported_as_a_test", row, facts)
    else:
        move(session, row, CaseAction.REPORTED, facts)


def _newest_report(session: Session, row: Case) -> NCMECReport:
    reports = read_ncmec_reports(session, row.key)
    if not reports:
        raise CaseStateError(f"case {row.key} has no report to NCMEC")
    return reports[-1]


def _require_unreported(
    session: Session, row: Case, target: CyberTiplineEscalation, *, again: bool
) -> None:
    base = base_of(target)
    own = [one for one in read_ncmec_reports(session, row.key) if one.base == base]
    for one in own:
        if one.stage not in (FINISHED, RETRACTED):
            raise CaseStateError(
                f"a report of case {row.key} is on its way",
                hint="'hashmatch outbox list' says how it stands, 'cases retract' takes it back.",
            )
        if one.stage == FINISHED and not again:
            raise CaseStateError(
                f"case {row.key} was reported already, as report {one.report_id}",
                hint="Say --again where NCMEC needs another report of it.",
            )
