"""Escalation to the NCA: a report for the operator's own desk, which enters it in the portal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.config import EndpointSettings, NCAEscalation, Settings
from hashmatch.cybertip import FINISHED, Evidence
from hashmatch.errors import CaseStateError, ConfigError, InputError
from hashmatch.outbox import post_signed, require_signing
from hashmatch.store.cases import (
    find_details_of,
    has_case,
    lock_case,
    read_case,
    read_case_contents,
    read_case_matches,
    read_merged,
    read_reports_of_account,
)
from hashmatch.store.duties import read_references
from hashmatch.store.engine import Database, audit
from hashmatch.store.matches import read_content_hashes
from hashmatch.store.outbox import Message, queue_message
from hashmatch.store.schema import Case, utc_now
from hashmatch.uploaders import Details, Sealer, open_sealer

from ..actors import SYSTEM
from ..decisions import move
from ..states import CaseAction, State
from ..uploader_details import open_details
from .cybertipline import reports_with_merged
from .interface import EscalationChannel, find_target
from .nca_report import EarlierReference, NCAFacts, nca_document, reported_abroad

_NCMEC = "NCMEC"
_PURPOSE = "NCA report"
_MAX_PRIOR_REPORTS = 20


class NCAChannel(EscalationChannel[NCAEscalation]):
    """Hands reports over to the desk that enters them in the NCA's portal."""

    action = CaseAction.ESCALATE
    message_kind = "nca"
    at_once = 5
    is_owed = True

    def require_ready(self, settings: Settings, target: NCAEscalation) -> None:
        """Raise `ConfigError` where there is no desk, or messages could not be signed."""
        require_signing(_endpoint(target))
        open_sealer(settings)

    def require_unsent(
        self, session: Session, row: Case, target: NCAEscalation, *, again: bool
    ) -> None:
        """Raise `CaseStateError` where it was reported abroad, and `ConfigError` without a desk."""
        _endpoint(target)
        abroad = reported_abroad(target, earlier_references(session, row))
        if abroad and target.when_reported_abroad == "skip" and not again:
            raise CaseStateError(
                f"case {row.key} was reported abroad already, to {_named(abroad)}: it need not be"
                " reported to the NCA",
                hint="Use --again where it is to be reported all the same.",
            )

    def queue(self, session: Session, row: Case, name: str, target: NCAEscalation) -> None:
        """Queue a report; what it says is read when it is sent."""
        body = {"type": "case.nca", "case": row.key}
        subject = f"{self.message_kind}/{name}/case/{row.key}/{row.revision}"
        queue_message(session, self.message_kind, name, subject, body, case=row.key)

    def preview(
        self,
        session: Session,
        settings: Settings,
        row: Case,
        target: NCAEscalation,
        *,
        with_details: bool,
    ) -> str:
        """Return the report, as it would be sent now."""
        sealer = open_sealer(settings)
        document = read_nca_report(session, sealer, row, target, with_details=with_details)
        return json.dumps(document, indent=2, ensure_ascii=False)

    def find_case(self, session: Session, message: Message) -> int:
        """Return the case of a report."""
        return int(message.body["case"])

    def send(
        self, database: Database, settings: Settings, target: NCAEscalation, message: Message
    ) -> None:
        """Post a report and record it, unless it was reported abroad since it was queued."""
        sealer = open_sealer(settings)
        with database.reading() as session:
            case = self.find_case(session, message)
            if not has_case(session, case):
                raise InputError(f"case {case} was removed")
            row = read_case(session, case).row
            abroad = _reported_since(session, row, target, message)
            document = read_nca_report(session, sealer, row, target)
        if abroad and target.when_reported_abroad == "skip":
            with database.writing() as session:
                facts = {"to": message.target, "reported_to": _named(abroad)}
                audit(session, "escalation.not_needed", lock_case(session, case), facts)
            return
        post_signed(_endpoint(target), settings.outbox.private_hosts, message, document)
        with database.writing() as session:
            _note_sent(session, case, message, document)


def earlier_references(session: Session, row: Case) -> list[EarlierReference]:
    """Return the earlier reports of a case to authorities, as far as they are known here.

    Those are the reports to NCMEC that are finished, and references that were recorded, of merged
    cases, too; each once.
    """
    reports = [
        EarlierReference(_NCMEC, one.report_id, one.finished_at)
        for one in reports_with_merged(session, row)
        if one.stage == FINISHED and not one.is_test
    ]
    recorded = [
        EarlierReference(one.authority, one.reference, one.made_at)
        for key in (*read_merged(session, row), row.key)
        for one in read_references(session, key)
    ]
    by_name = {(one.authority.casefold(), one.reference): one for one in (*recorded, *reports)}
    return list(by_name.values())


def read_nca_report(
    session: Session,
    sealer: Sealer,
    row: Case,
    target: NCAEscalation,
    *,
    with_details: bool = True,
    references: Sequence[EarlierReference] = (),
) -> dict[str, Any]:
    """Return the report of a case; `references` are earlier reports beyond those known here.

    Raises `ConfigError` where no key opens the uploader details.
    """
    stored = read_case(session, row.key)
    matches = read_case_matches(session, row)
    wanted = {record.content_key for record, _ in matches}
    contents = [one for one in read_case_contents(session, row) if one.key in wanted]
    # Bytes that were screened come before look-ups, the newest first.
    contents.sort(key=lambda one: (bool(one.format), one.key), reverse=True)
    details = open_details(session, sealer, row.key) if with_details else None
    prior = read_reports_of_account(
        session,
        row.key,
        sealer.account_digests(details or Details()),
        limit=_MAX_PRIOR_REPORTS,
    )
    facts = NCAFacts(
        row,
        matches,
        [
            Evidence(one, read_content_hashes(session, one.key))
            for one in contents or [stored.content]
        ],
        details,
        find_details_of(session, row) is not None,
        [*earlier_references(session, row), *references],
        prior,
    )
    return nca_document(target, facts, utc_now())


def write_nca_report(
    session: Session, settings: Settings, case: int, name: str = "", *, with_details: bool = True
) -> dict[str, Any]:
    """Return the report of a case for entry by hand, and record that it was written.

    `name` is that of the escalation, by default the only one to the NCA. Raises `NotFoundError`,
    `InputError` and `ConfigError`.
    """
    target = _find(settings, name)
    row = read_case(session, case).row
    document = read_nca_report(
        session, open_sealer(settings), row, target, with_details=with_details
    )
    if document["uploader_details"] == "included":
        audit(session, "details.shown", row, {"case": case, "purpose": _PURPOSE})
    facts = {"case": case, "priority": document["priority"]}
    audit(session, "case.nca_report_written", row, facts)
    return document


def _find(settings: Settings, name: str) -> NCAEscalation:
    if name:
        target = find_target(settings, name)
        if not isinstance(target, NCAEscalation):
            raise InputError(f"escalations.{name} is not one to the NCA")
        return target
    found = [one for one in settings.escalations.values() if isinstance(one, NCAEscalation)]
    if len(found) != 1:
        raise InputError(
            f"the configuration has {len(found)} escalations to the NCA",
            hint="'hashmatch config sample' shows one with to = 'nca'; --to chooses one.",
        )
    return found[0]


def _endpoint(target: NCAEscalation) -> EndpointSettings:
    endpoint = target.endpoint
    if endpoint is None:
        raise ConfigError(
            "the escalation to the NCA has no url to send reports to",
            hint="'hashmatch cases nca' writes them for entry by hand.",
        )
    return endpoint


def _reported_since(
    session: Session, row: Case, target: NCAEscalation, message: Message
) -> list[EarlierReference]:
    """Return what was reported abroad after a message was queued: that nobody knew of it then."""
    return [
        one
        for one in reported_abroad(target, earlier_references(session, row))
        if one.made_at is not None and one.made_at > message.created_at
    ]


def _named(references: Sequence[EarlierReference]) -> str:
    return ", ".join(f"{one.authority} as {one.reference}" for one in references)


def _note_sent(session: Session, case: int, message: Message, document: dict[str, Any]) -> None:
    row = lock_case(session, case)
    if row.notified_at is None and row.state == State.CONFIRMED:
        # It was given back before, and arrived after all.
        move(session, row, CaseAction.ESCALATE, SYSTEM, {"target": message.target})
    row.notified_at = row.notified_at or utc_now()
    if document["uploader_details"] == "included":
        audit(session, "details.shown", row, {"case": case, "purpose": _PURPOSE})
    facts = {
        "to": message.target,
        "message": message.key,
        "priority": document["priority"],
        "due_at": document["due_at"],
    }
    audit(session, "escalation.sent", row, facts)
