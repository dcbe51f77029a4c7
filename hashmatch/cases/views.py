"""Views of cases for people and programs: without hash values, and without uploaders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind, Orientation, View
from hashmatch.outcome import band_end, nearness
from hashmatch.store.cases import (
    StoredCase,
    find_details_of,
    find_merged_into,
    read_case,
    read_case_contents,
    read_case_matches,
    read_merged,
    read_ncmec_reports,
    read_notes,
)
from hashmatch.store.duties import (
    DueOfCase,
    read_appeals,
    read_deadlines,
    read_measures,
    read_references,
)
from hashmatch.store.engine import HistoryRecord, read_history
from hashmatch.store.outbox import Message, read_unsent_of_case
from hashmatch.store.preservation import find_preservation, find_retention
from hashmatch.store.schema import (
    CaseAppeal,
    CaseDeadline,
    CaseMeasure,
    CaseNote,
    Content,
    MatchRecord,
    NCMECReport,
)


def case_row(one: StoredCase) -> dict[str, Any]:
    """Return a case as a line of the queue."""
    row = one.row
    return {
        "case": row.key,
        "content_id": one.content.content_id,
        "reference": one.content.reference,
        "state": row.state,
        "priority": row.priority,
        "due_at": _moment(row.due_at),
        "assignee": row.assignee,
        "opened_at": _moment(row.opened_at),
        "decided_at": _moment(row.decided_at),
        "proposal": row.proposal,
        "proposed_by": row.proposed_by,
        "legal_hold": row.legal_hold,
        "reopened": row.reopened,
        "revision": row.revision,
    }


def case_facts(session: Session, one: StoredCase, *, show_distances: bool = True) -> dict[str, Any]:
    """Return a case with its matches, and their distances or those of their bands."""
    matches = [
        {
            "match_id": str(record.key),
            "evidence": record.content_key,
            "nearness": nearness(record.distance_bits, record.threshold_bits),
            "matched_at": _moment(record.matched_at),
            "list": name,
            "generation": record.generation,
            "entry_id": record.entry_id,
            "entries": record.entries,
            "category": record.category,
            "action": record.action,
            "algorithm": record.algorithm,
            "distance_bits": record.distance_bits
            if show_distances
            else band_end(record.distance_bits, record.threshold_bits),
            "threshold_bits": record.threshold_bits,
            "frame": record.frame,
            "orientation": record.orientation,
            "view": record.view,
        }
        for record, name in read_case_matches(session, one.row)
    ]
    evidence = [_evidence_facts(content) for content in read_case_contents(session, one.row)]
    means = sorted({_means(record) for record, _ in read_case_matches(session, one.row)})
    return {**case_row(one), "means": means, "evidence": evidence, "matches": matches}


def _means(match: MatchRecord) -> str:
    """Return by which means a match was detected."""
    algorithm = ALGORITHMS.get(match.algorithm)
    if algorithm is not None and algorithm.kind is Kind.EXACT:
        return "exact_hash"
    is_altered = (match.view, match.orientation) != (View.FULL, Orientation.ORIGINAL)
    return "perceptual_hash_of_altered_copy" if is_altered else "perceptual_hash"


def view_case(session: Session, case: int, *, show_distances: bool = True) -> dict[str, Any]:
    """Return a case with its notes, reports and history. Raises `NotFoundError`.

    Without `show_distances`, those of its matches are the largest of their bands.
    """
    one = read_case(session, case)
    notes, reports = read_notes(session, case), read_ncmec_reports(session, case)
    return {
        **case_facts(session, one, show_distances=show_distances),
        "merged_into": find_merged_into(session, one.row),
        "merged": read_merged(session, one.row),
        "has_details": find_details_of(session, one.row) is not None,
        "notes": [_note_facts(note) for note in notes],
        "reports": [_report_facts(report) for report in reports],
        **duty_facts(session, case),
        "messages": [_message_facts(one) for one in read_unsent_of_case(session, case)],
        "history": list(_history(read_history(session, one.row))),
    }


def _evidence_facts(content: Content) -> dict[str, Any]:
    """Return evidence of a case: bytes that were screened, or a look-up without any."""
    return {
        "evidence": content.key,
        "reference": content.reference,
        "format": content.format,
        "width": content.width,
        "height": content.height,
        "frames": content.frames,
        "provenance": _provenance_facts(content),
    }


def _provenance_facts(content: Content) -> dict[str, Any] | None:
    """Return what a file declares of its origin, None where no file was read."""
    if not content.declared:
        return None
    return {
        "declared": content.declared,
        "evidence": content.evidence.split(),
        "c2pa": content.c2pa,
        "issuer": content.issuer,
    }


def _note_facts(note: CaseNote) -> dict[str, Any]:
    return {"at": _moment(note.at), "by": note.actor, "text": note.text}


def _report_facts(report: NCMECReport) -> dict[str, Any]:
    return {
        "to": report.target,
        "base": report.base,
        "is_test": report.is_test,
        "stage": report.stage,
        "report_id": report.report_id,
        "without_file": report.without_file,
        "finished_at": _moment(report.finished_at),
    }


def _message_facts(message: Message) -> dict[str, Any]:
    return {
        "message": message.key,
        "to": message.target,
        "state": message.state,
        "attempts": message.attempts,
        "next_attempt_at": _moment(message.next_attempt_at),
        "problem": message.problem,
    }


def _history(records: list[HistoryRecord]) -> Iterator[dict[str, Any]]:
    for one in records:
        facts = json.loads(one.facts)
        yield {"at": _moment(one.at), "by": one.actor, "what": one.action, **facts}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def duty_facts(session: Session, case: int) -> dict[str, Any]:
    """Return what a case owes and is owed: references, deadlines, measures, appeals, retention."""
    retention, preserved = find_retention(session, case), find_preservation(session, case)
    return {
        "references": [
            {
                "authority": one.authority,
                "reference": one.reference,
                "made_at": _moment(one.made_at),
            }
            for one in read_references(session, case)
        ],
        "deadlines": [_deadline_facts(one) for one in read_deadlines(session, case)],
        "measures": [_measure_facts(one) for one in read_measures(session, case)],
        "appeals": [_appeal_facts(one) for one in read_appeals(session, case)],
        "retention": {
            "retention_class": None if retention is None else retention.retention_class,
            "keep_until": None if retention is None else _moment(retention.keep_until),
        },
        "preservation": None
        if preserved is None
        else {
            "state": preserved.state,
            "reason": preserved.reason,
            "until": _moment(preserved.until),
            "accepted": preserved.delivered >= preserved.sequence,
        },
    }


def due_facts(one: DueOfCase) -> dict[str, Any]:
    """Return a deadline or appeal that is open, as a line of a table."""
    return {
        "case": one.case,
        "content_id": one.content_id,
        "number": one.key,
        "duty": one.duty,
        "due_at": _moment(one.due_at),
        "basis": one.basis,
    }


def _deadline_facts(one: CaseDeadline) -> dict[str, Any]:
    return {
        "deadline": one.key,
        "duty": one.duty,
        "basis": one.basis,
        "due_at": _moment(one.due_at),
        "outcome": one.outcome,
        "ended_at": _moment(one.ended_at),
    }


def _measure_facts(one: CaseMeasure) -> dict[str, Any]:
    return {
        "measure": one.key,
        "restriction": one.restriction,
        "ground": one.ground,
        "automation": one.automation,
        "territory": one.territory,
        "imposed_at": _moment(one.imposed_at),
        "notified_at": _moment(one.notified_at),
        "lifted_at": _moment(one.lifted_at),
        "by": one.actor,
    }


def _appeal_facts(one: CaseAppeal) -> dict[str, Any]:
    return {
        "appeal": one.key,
        "channel": one.channel,
        "appellant": one.appellant,
        "received_at": _moment(one.received_at),
        "due_at": _moment(one.due_at),
        "grounds": one.grounds,
        "state": one.state,
        "decided_at": _moment(one.decided_at),
        "by": one.decided_by,
    }
