"""Documents of reports: everything that the schema has, and never more than NCMEC takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from hashmatch.cases import CaseAction, store_details
from hashmatch.config import Settings
from hashmatch.cybertip.incident import Incident
from hashmatch.cybertip.report import report_document
from hashmatch.store.engine import Database
from hashmatch.store.schema import Content, MatchRecord, utc_now
from hashmatch.uploaders import Details, open_sealer, parse_details
from tests.cases.making import REVIEWER, act, make_match
from tests.cybertip.reporting import PICTURE, report_case, send
from tests.cybertip.server import SCHEMA, CyberTiplineServer, Report
from tests.pictures import drawn

pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="needs NCMEC's schema, in shared/data")

FURTHER = b"a further file"
EVERYTHING: dict[str, Any] = {
    "account": {
        "id": "u-1", "screen_name": "x", "display_names": ["X"], "first_name": "A",
        "last_name": "B", "emails": ["a@b.example"], "phones": ["+1 555 0100"], "age": 40,
        "date_of_birth": "1986-01-01", "profile_urls": ["https://p.example/a b"], "bio": "words",
        "group": "g", "compromised": False, "disabled": "temporarily",
        "disabled_at": "2026-01-02T00:00:00Z", "prior_reports": [12], "info": "more",
        "addresses": [{"ip": "192.0.2.1", "event": "Login", "at": "2026-01-01T00:00:00Z",
                       "port": 0, "possible_proxy": True}],
        "devices": [{"type": "IDFA", "value": "d"}],
    },
    "file": {
        "name": "a.jpg", "url": "https://p.example/a b", "uploaded_at": "2026-01-01T00:00:00Z",
        "exif_viewed_by_platform": True, "publicly_available": True,
        "annotations": ["viral", "viral", "infant"], "address": {"ip": "2001:db8::1"},
        "info": "of the file",
    },
    "further_files": [{
        "content_id": "post/further", "sha256": hashlib.sha256(FURTHER).hexdigest(),
        "generated": True, "annotations": ["potentialMeme", "viral"],
    }],
    "incident": {
        "type": "enticement", "high_priority": "a child is in danger now",
        "annotations": ["sextortion"], "urls": ["https://p.example/room"],
        "chat": {"client": "Chat", "room": "Room", "content": "hello"},
        "game": {"name": "Game", "console": "Box", "content": "hello"},
    },
    "recipients": [{"id": "u-2", "group": "g", "school": "none of a recipient"}],
    "victims": [{"age": 12, "school": "School", "group": "none of a victim"}],
    "happened_at": "2026-01-01T00:00:00Z",
    "info": "what the platform says",
}  # fmt: skip


@pytest.fixture
def sent(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    tmp_path: Path,
) -> Callable[[dict[str, Any]], Report]:
    (tmp_path / "post" / "further").write_bytes(FURTHER)
    settings = configure()

    def send_with(details: dict[str, Any]) -> Report:
        with database.writing() as session:
            given = parse_details(json.dumps(details))
            store_details(session, open_sealer(settings), case, given, REVIEWER)
        report_case(database, settings, case)
        assert send(database, settings) == {"sent": 1}
        assert server.wrong == []
        (report,) = server.finished()
        return report

    return send_with


def test_everything_that_a_platform_may_send_is_reported(
    sent: Callable[[dict[str, Any]], Report],
) -> None:
    report = sent(EVERYTHING)
    document = etree.fromstring(report.document)
    places = [one[0].tag for one in document.findall("internetDetails")]
    assert places == ["webPageIncident", "chatImIncident", "onlineGamingIncident"]
    found = {
        path: [one.text for one in document.findall(path)]
        for path in (
            "incidentSummary/incidentType", "incidentSummary/escalateToHighPriority",
            "incidentSummary/reportAnnotations/sextortion", ".//webPageIncident/url",
            ".//chatImIncident/content", "personOrUserReported/priorCTReports",
            "personOrUserReported/accountTemporarilyDisabled", "intendedRecipient/espIdentifier",
            "victim/victimPerson/age", "victim/schoolName", ".//port",
        )
    }  # fmt: skip
    assert list(found.values()) == [
        ["Online Enticement of Children for Sexual Acts"],
        ["a child is in danger now"],
        ["true"],
        ["https://p.example/a%20b", "https://p.example/room"],
        ["hello"],
        ["12"],
        ["true"],
        ["u-2"],
        ["12"],
        ["School"],
        [],
    ]
    assert list(report.files.values()) == [PICTURE, FURTHER]
    first, second = (etree.fromstring(report.details[one]) for one in report.files)
    assert first.findtext("fileRelevance") == "Reported"
    assert [one.tag for one in first.findall("fileAnnotations/*")] == ["viral", "infant"]
    assert first.findtext("exifViewedByEsp") is None
    assert second.findtext("fileRelevance") == "Supplemental Reported"
    assert [one.tag for one in second.findall("fileAnnotations/*")] == ["viral", "generativeAi"]


def test_a_time_in_the_future_is_left_out(sent: Callable[[dict[str, Any]], Report]) -> None:
    future = (utc_now() + timedelta(hours=1)).isoformat()
    address = {"ip": "192.0.2.1", "at": future}
    report = sent(
        {
            "account": {"addresses": [address], "disabled": "permanently", "disabled_at": future},
            "file": {"uploaded_at": future, "address": address},
            "happened_at": future,
        }
    )
    texts = report.document + b"".join(report.details.values())
    assert future[:13].encode() not in texts
    assert b"time of the match" in report.document


def test_text_is_cut_to_what_ncmec_takes(sent: Callable[[dict[str, Any]], Report]) -> None:
    long, line = "w\u00e4rds " * 1_600, "n" * 1_000
    report = sent(
        {
            "account": {"id": line, "screen_name": line, "bio": long, "info": long,
                        "first_name": line, "emails": [f"{line[:900]}@b.example"]},
            "file": {"url": "https://p.example/" + " n" * 480, "name": line, "info": long},
            "incident": {"high_priority": long, "chat": {"client": line, "content": long}},
            "info": long,
        }
    )  # fmt: skip
    texts = [one.text or "" for one in etree.fromstring(report.document).iter()]
    assert max(map(len, texts)) == 3_000
    urls = etree.fromstring(report.document).findall(".//url")
    assert [(len(one.text or ""), (one.text or "")[-3:]) for one in urls] == [(1_938, "20n")]
    assert sum(one.endswith("[cut]") for one in texts) >= 8


def test_of_many_matches_as_many_are_named_as_there_is_room_for(
    configure: Callable[..., Settings], server: CyberTiplineServer
) -> None:
    target = configure().escalations["ncmec"]
    match = MatchRecord(
        matched_at=utc_now(), entry_id="e" * 400, category="A", algorithm="pdq",
        distance_bits=1, threshold_bits=31,
    )  # fmt: skip
    content = Content(content_id="c" * 2_000, reference="r" * 2_000, declared="", evidence="")
    details = Details(info="w" * 3_000)
    incident = Incident(7, content, [(match, "one")] * 5_000, (), details)
    document = etree.fromstring(report_document(target, incident, without_file="none is given"))  # type: ignore[arg-type]
    text = document.findtext("additionalInfo") or ""
    assert len(text) == 3_000
    assert "case 7" in text
    assert "not uploaded with this report: none is given" in text
    named = text.count("Matched list one")
    assert named >= 1
    assert f"and {5_000 - named} more matches" in text
    assert text.endswith("w [cut]")


def test_a_report_names_those_before_it_about_the_same_account(
    database: Database,
    configure: Callable[..., Settings],
    server: CyberTiplineServer,
    case: int,
    tmp_path: Path,
) -> None:
    settings = configure()
    (tmp_path / "post" / "2").write_bytes(drawn(2))
    other = make_match(database, data=drawn(2), content_id="post/2")
    act(database, other, CaseAction.CONFIRM)
    for number in (case, other):
        with database.writing() as session:
            given = parse_details('{"account": {"id": "u-1"}}')
            store_details(session, open_sealer(settings), number, given, REVIEWER)
        report_case(database, settings, number)
        assert send(database, settings) == {"sent": 1}
    first, second = server.finished()
    paths = "personOrUserReported/priorCTReports"
    assert etree.fromstring(first.document).findall(paths) == []
    (prior,) = etree.fromstring(second.document).findall(paths)
    assert prior.text == str(first.number)
