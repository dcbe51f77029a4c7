"""Cases that are reported to the NCA: a desk that receives, settings, and details."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from hashmatch.cases import (
    CaseAction,
    case_senders,
    preview_escalation,
    store_details,
)
from hashmatch.config import Settings
from hashmatch.outbox import send_due
from hashmatch.store.engine import Database, audit
from hashmatch.store.schema import NCMECReport, utc_now
from hashmatch.uploaders import open_sealer, parse_details
from tests.cases.making import SCANNER, act, make_match, settings_with
from tests.lists.loopback import Answer, Request, Service

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/reference/nca-report.schema.json").read_text()
)
DETAILS = {
    "account": {
        "id": "u1", "screen_name": "unique-user", "first_name": "A", "last_name": "B",
        "display_names": ["x"], "emails": ["a@b.example"], "recovery_emails": ["r@b.example"],
        "phones": ["+441"], "verified_phones": [], "billing": "card of A B",
        "profile_urls": ["https://x.example/u1"], "date_of_birth": "1990-01-02",
        "addresses": [
            {"ip": "192.0.2.1", "event": "Login", "at": "2026-10-01T00:00:00Z", "port": 1234},
            {"ip": "192.0.2.2", "event": "Upload", "at": "2026-10-02T03:04:05Z", "port": 80},
        ],
    },
    "file": {
        "url": "https://x.example/p/1", "uploaded_at": "2026-10-02T03:04:05Z", "has_exif": True,
        "original_sha256": "a" * 64, "generated": False, "publicly_available": True,
    },
}  # fmt: skip


class Desk(Service):
    """Desk that accepts whatever it gets."""

    def answer(self, request: Request, fault: str) -> Answer:
        return Answer(204)


def nca_target(**changes: Any) -> dict[str, Any]:
    """Return the section of an escalation to the NCA."""
    reporter = {
        "first_name": "Ann", "last_name": "Example", "email": "safety@x.example", "phone": "+442",
        "company": "X Ltd",
    }  # fmt: skip
    return {"to": "nca", "reporter": reporter, "platform": "The Platform", **changes}


def nca_settings(settings: Settings, keys: dict[str, Any], **changes: Any) -> Settings:
    """Return settings with such an escalation."""
    return settings_with(
        settings,
        cases=keys,
        escalations={"nca": nca_target(**changes)},
        outbox={"private_hosts": ["127.0.0.1"]},
    )


def with_desk(settings: Settings, keys: dict[str, Any], desk: Desk, **changes: Any) -> Settings:
    """Return settings by which a desk gets the reports."""
    return nca_settings(settings, keys, url=desk.url, secret={"env": "DESK"}, **changes)


def confirmed(database: Database, **more: Any) -> int:
    """Return a case that was confirmed."""
    case = make_match(database, **more)
    act(database, case, CaseAction.CONFIRM)
    return case


def give_details(
    database: Database, chosen: Settings, case: int, details: Mapping[str, Any] = DETAILS
) -> None:
    """Store what a platform gives of an uploader and a file."""
    with database.writing() as session:
        given = parse_details(json.dumps(details))
        store_details(session, open_sealer(chosen), case, given, SCANNER)


def report_to_ncmec(database: Database, case: int, *, is_test: bool = False) -> None:
    """Record that a case was reported to NCMEC."""
    with database.writing() as session:
        report = NCMECReport(
            case_key=case, target="ncmec", base="https://x.example", is_test=is_test,
            stage="finished", report_id="77", finished_at=utc_now(),
        )  # fmt: skip
        session.add(report)
        session.flush()
        audit(session, "report.finished", report, {})


def preview(database: Database, chosen: Settings, case: int, **more: Any) -> dict[str, Any]:
    """Return the report of a case, which fits its schema."""
    with database.reading() as session:
        text = preview_escalation(session, chosen, case, "nca", **{"with_details": True, **more})
    found: dict[str, Any] = json.loads(text)
    problems = [one.message for one in Draft202012Validator(SCHEMA).iter_errors(found)]
    assert problems == []
    return found


def send(database: Database, chosen: Settings) -> dict[str, int]:
    """Send what waits, and return the counts of its results."""
    return dict(send_due(database, case_senders(chosen, database)).counts)
