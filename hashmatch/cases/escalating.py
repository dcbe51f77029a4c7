"""Cases on their way to others: queued with the decision, and told until it arrived."""

from __future__ import annotations

from collections.abc import Callable
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
    ENDED,
    FINISHED,
    FINISHING,
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
from hashmatch.store.cases import (
    lock_case,
    lock_ncmec_report,
    read_case,
    read_case_matches,
    read_ncmec_reports,
)
from hashmatch.store.engine import Database, audit
from hashmatch.store.outbox import Message, queue_message
from hashmatch.store.schema import Case, ContentHash, NCMECReport, utc_now

from .acting import (
    Done,
    add_note,
    begin,
    move,
    propose,
    require_unchanged,
    waits_for_another,
)
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
    if change is not None:
        require_unchanged(session, case, change)
    row = begin(session, case, action, person)
    if note.strip():
        add_note(session, case, note, person)
    if isinstance(target, CyberTiplineEscalation):
        _require_unreported(session, row, target, again=again)
        if waits_for_another(settings.cases, row, action, person, target_name):
            return propose(session, row, action, person, target_name)
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
        body = {"type": "case.reported", "report": report.key}
        queue_message(session, CYBERTIPLINE, target_name, subject, body, case=case)
        return move(session, row, action, person, {"target": target_name})
    done = move(session, row, action, person, {"target": target_name})
    session.flush()
    facts = case_facts(session, read_case(session, case))
    body = {"type": "case.escalated", "timestamp": utc_now().isoformat(), "data": facts}
    subject = f"{ESCALATION}/{target_name}/case/{case}/{row.change}"
    queue_message(session, ESCALATION, target_name, subject, body, case=case)
    return done


def case_senders(settings: Settings, database: Database) -> dict[str, Sender]:
    """Return what sends escalations and reports."""
    require = partial(_require_target, settings)
    return {
        ESCALATION: Sender(partial(_tell, database, settings), require),
        CYBERTIPLINE: Sender(partial(_report, database, settings), require, at_once=1),
    }


def retract(database: Database, settings: Settings, case: int, person: Person) -> Done:
    """Take back a report of a case that is not finished.

    Raises what `decide` raises, and `OutboxError` where NCMEC does not answer.
    """
    with database.writing(person.actor) as session:
        row = begin(session, case, CaseAction.RETRACT, person)
        report = _report_at(session, row, lambda stage: stage not in ENDED)
        target = _find_target(settings, report.target)
        audit(session, "report.retracting", report, {"case": case})
    if not isinstance(target, CyberTiplineEscalation):
        raise ConfigError(f"escalations.{report.target} is no cybertipline any more")
    retract_report(database, settings, target, report.key)
    with database.writing(person.actor) as session:
        return move(session, lock_case(session, case), CaseAction.RETRACT, person, {})


def settle(session: Session, case: int, person: Person, *, is_finished: bool) -> Done:
    """Say what NCMEC said of a report of which nobody knew whether it was finished.

    Raises what `decide` raises.
    """
    row = begin(session, case, CaseAction.RETRACT, person)
    found = _report_at(session, row, lambda stage: stage in (UNSURE, FINISHING))
    report = lock_ncmec_report(session, found.key)
    report.turn += 1
    report.stage = FINISHED if is_finished else RETRACTED
    report.finished_at = utc_now() if is_finished else None
    facts = {"case": case, "finished": is_finished, "person": person.name}
    audit(session, "report.settled", report, facts)
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
    target, case = _require_target(settings, message.target), int(message.body["data"]["case"])
    refused = 0
    with database.reading() as session:
        if session.get(Case, case) is None:
            raise InputError(f"case {case} was removed")
    match target:
        case WebhookEscalation():
            post_signed(target, settings.outbox.private_hosts, message, message.body)
        case EmailEscalation():
            refused = send_email(target, message.body["data"])
        case CyberTiplineEscalation():
            raise ConfigError(f"escalations.{message.target} has become a cybertipline")
        case _:
            assert_never(target)
    with database.writing() as session:
        row = lock_case(session, case)
        row.told_at = row.told_at or utc_now()
        facts = {"to": message.target, "message": message.key, "refused": refused}
        audit(session, "escalation.sent", row, facts)


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
    facts: dict[str, object] = {"report": report.report_id}
    if report.is_test:
        audit(session, "case.reported_as_a_test", row, facts)
    else:
        row.told_at = row.told_at or utc_now()
        move(session, row, CaseAction.REPORTED, SYSTEM, facts)


def _report_at(session: Session, row: Case, is_wanted: Callable[[str], bool]) -> NCMECReport:
    """Return the newest report of a case whose stage is wanted. Raises `CaseStateError`."""
    reports = read_ncmec_reports(session, row.key)
    for one in reversed(reports):
        if is_wanted(one.stage):
            return one
    stages = ", ".join(one.stage for one in reports) or "none"
    raise CaseStateError(f"case {row.key} has no such report to NCMEC; it has: {stages}")


def _require_unreported(
    session: Session, row: Case, target: CyberTiplineEscalation, *, again: bool
) -> None:
    base = base_of(target)
    own = [one for one in read_ncmec_reports(session, row.key) if one.base == base]
    for one in own:
        if one.stage not in ENDED:
            raise CaseStateError(
                f"a report of case {row.key} is on its way",
                hint="'hashmatch outbox list' says how it stands, 'cases retract' takes it back.",
            )
        if one.stage == FINISHED and not again:
            raise CaseStateError(
                f"case {row.key} was reported already, as report {one.report_id}",
                hint="Say --again where NCMEC needs another report of it.",
            )
