"""Cases over HTTP: the queue, decisions with the rights of a token, details, reports."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from hashmatch.audit import verify
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.tokens import Scope
from hashmatch.uploaders import make_detail_key
from tests.pictures import drawn
from tests.service.conftest import Serve
from tests.service.serving import Served, make_token

SECTIONS: dict[str, dict[str, Any]] = {
    "cases": {"four_eyes": ["dismiss"], "detail_keys": [{"env": "DETAIL_KEY"}]},
    "escalations": {
        "desk": {"to": "webhook", "url": "https://127.0.0.1:1/", "secret": {"env": "DESK"}},
        "ncmec": {
            "to": "cybertipline",
            "username": "u",
            "password": {"env": "DESK"},
            "reporter": {"email": "a@b.example"},
            "base": "https://127.0.0.1:1/",
        },
    },
}


@pytest.fixture
def desk(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A service with three cases."""
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    monkeypatch.setenv("DESK", "secret-desk")
    with serve(**SECTIONS) as served:
        for number in range(3):
            params = {"content_id": f"post/{number}"}
            served.client.post("/v1/scan", params=params, content=drawn(1))
        yield served


def _change(served: Served, case: int, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return served.client.patch(f"/v1/cases/{case}", json=body, headers=headers or {})


def test_the_queue_is_paged_and_filtered(desk: Served) -> None:
    first = desk.client.get("/v1/cases", params={"limit": 2}).json()
    assert [one["case"] for one in first["cases"]] == [1, 2]
    rest = desk.client.get("/v1/cases", params={"limit": 2, "cursor": first["next"]}).json()
    assert ([one["case"] for one in rest["cases"]], rest["next"]) == ([3], None)
    for query, found in (
        ({"state": "confirmed"}, []),
        ({"state": "open,confirmed"}, [1, 2, 3]),
        ({"content_id": "post/1"}, [2]),
        ({"overdue": "true"}, []),
        ({"assignee": "alice"}, []),
    ):
        answer = desk.client.get("/v1/cases", params=query).json()
        assert [one["case"] for one in answer["cases"]] == found
    assert desk.client.get("/v1/cases/99").status_code == 404
    for cursor in ("99", "5.x.1", "5.1", "-1.1.1"):
        assert desk.client.get("/v1/cases", params={"cursor": cursor}).status_code == 400
    assert desk.client.get("/v1/cases", params={"assignee": "a\0"}).status_code == 400


def test_a_case_is_worked_through_to_its_end(desk: Served, database: Database) -> None:
    done = _change(desk, 1, decision="review", assignee="alice", priority=0, note="mine")
    assert (done.status_code, done.json()["state"]) == (200, "in_review")
    assert _change(desk, 1, decision="confirm").json()["state"] == "confirmed"
    handed = desk.client.post("/v1/cases/1/escalate", json={"to": "desk", "note": "now"})
    assert (handed.status_code, handed.json()["state"]) == (200, "escalated")
    assert _change(desk, 1, decision="reported", note="by phone").json()["state"] == "reported"
    assert _change(desk, 1, decision="close").json()["state"] == "closed"
    facts = desk.client.get("/v1/cases/1").json()
    assert [one["text"] for one in facts["notes"]] == ["mine", "now", "by phone"]
    assert [one["what"] for one in facts["history"]] == [
        "case.opened", "case.review", "case.assign", "case.plan", "case.confirm", "case.escalate",
        "case.reported", "case.close",
    ]  # fmt: skip
    assert all("(test)" in one["by"] for one in facts["history"][1:])
    with database.reading() as session:
        assert verify(session, {}).problems == []


def test_what_cannot_be_done_is_refused_and_changes_nothing(desk: Served) -> None:
    for body, status in (
        ({"decision": "close"}, 409),
        ({"decision": "dismiss"}, 400),  # Without a note.
        ({}, 400),
        ({"decision": "fly"}, 400),
        ({"assignee": "a\0"}, 400),
        ({"decision": "confirm", "revision": 7}, 409),
        ({"assignee": "bob", "decision": "close"}, 409),
        ({"unknown": 1}, 400),
        ({"assignee": "bob", "revision": 77}, 409),
        ({"due_at": "9999-12-31T23:59:59-10:00"}, 400),
        ({"due_at": "0001-01-01T00:00:00+10:00"}, 400),
        ({"due_at": "2026-01-01T00:00:00"}, 400),
    ):
        assert _change(desk, 1, **body).status_code == status
    assert _change(desk, 99, decision="review").status_code == 404
    assert desk.client.post("/v1/cases/1/escalate", json={"to": "desk"}).status_code == 409
    assert desk.client.post("/v1/cases/1/escalate", json={"to": "x"}).status_code == 400
    facts = desk.client.get("/v1/cases/1").json()
    assert (facts["state"], facts["assignee"], facts["revision"]) == ("open", "", 1)


def test_two_actors_have_to_agree_under_the_four_eyes_rule(
    desk: Served, database: Database
) -> None:
    first = _change(desk, 1, decision="dismiss", note="a logo").json()
    assert (first["state"], first["needs_second_approval"]) == ("open", True)
    same = make_token(database, Scope.REVIEW)
    assert _change(desk, 1, same, decision="dismiss", note="a logo").status_code == 403
    with database.writing() as session:
        from hashmatch.store.tokens import create_token

        other = {"Authorization": f"Bearer {create_token(session, 'bob', [Scope.REVIEW])}"}
    second = _change(desk, 1, other, decision="dismiss", note="a logo").json()
    assert (second["state"], second["needs_second_approval"]) == ("false_positive", False)


def test_what_a_token_may_is_what_its_scopes_say(desk: Served, database: Database) -> None:
    reviewer, admin = make_token(database, Scope.REVIEW), make_token(database, Scope.ADMIN)
    assert _change(desk, 1, reviewer, legal_hold="order 1").status_code == 403
    assert _change(desk, 1, admin, legal_hold="order 1").status_code == 200
    assert _change(desk, 1, admin, decision="confirm").status_code == 403
    assert desk.client.get("/v1/cases/1").json()["legal_hold"] == "order 1"


def test_many_cases_are_done_at_once_each_by_itself(desk: Served) -> None:
    _change(desk, 2, decision="confirm")
    body = {"cases": [1, 2, 3, 99], "decision": "review", "assignee": "alice"}
    results = desk.client.post("/v1/cases/actions", json=body).json()["results"]
    assert [one["state"] for one in results] == ["in_review", None, "in_review", None]
    assert "review is not possible" in results[1]["problem"]
    body = {"cases": [2], "escalate_to": "desk"}
    (result,) = desk.client.post("/v1/cases/actions", json=body).json()["results"]
    assert result["state"] == "escalated"
    body = {"cases": [2], "escalate_to": "desk", "assignee": "bob"}
    assert desk.client.post("/v1/cases/actions", json=body).status_code == 400
    body = {"cases": [1, 3], "due_at": "2030-01-01T00:00:00Z", "legal_hold": "order 1"}
    done = desk.client.post("/v1/cases/actions", json=body).json()["results"]
    assert [one["problem"] for one in done] == [None, None]
    assert desk.client.get("/v1/cases/3").json()["legal_hold"] == "order 1"


def test_details_come_with_the_scope_scan_and_are_seen_with_the_scope_details(
    desk: Served, database: Database
) -> None:
    details = {"account": {"id": "someone"}, "file": {"name": "x.jpg"}}
    scanner = make_token(database, Scope.SCAN)
    answer = desk.client.put("/v1/matches/1/details", json=details, headers=scanner)
    assert (answer.status_code, answer.json()["case"]) == (200, 1)
    assert "someone" not in desk.client.get("/v1/cases/1").text
    seen = desk.client.get("/v1/cases/1", params={"details": "true"})
    assert seen.json()["details"] == details
    reviewer = make_token(database, Scope.REVIEW)
    for path in (
        "/v1/cases/1?details=true",
        "/v1/reports?format=cybertip&case=1&show_details=true",
    ):
        own = reviewer if "cases" in path else make_token(database, Scope.EXPORT)
        assert desk.client.get(path, headers=own).status_code == 403
    wrong = desk.client.put("/v1/matches/1/details", json={"account": {"secret-x": 1}})
    assert wrong.status_code == 400
    assert "secret-x" not in wrong.text
    assert desk.client.put("/v1/matches/99/details", json=details).status_code == 404
    with database.reading() as session:
        actions = [one["action"] for one in read_audit_records(session)]
    assert actions.count("details.shown") == 1


def test_reports_come_in_every_format_and_go_on_record(desk: Served, database: Database) -> None:
    _change(desk, 1, decision="confirm")
    kinds = {
        "csv": "text/csv", "jsonl": "application/jsonl", "html": "text/html",
        "pdf": "application/pdf", "transparency": "application/json",
    }  # fmt: skip
    for form, kind in kinds.items():
        answer = desk.client.get("/v1/reports", params={"format": form})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(kind)
    rows = desk.client.get("/v1/reports", params={"of": "cases"}).text
    assert [row["state"] for row in csv.DictReader(io.StringIO(rows))] == [
        "confirmed", "open", "open",
    ]  # fmt: skip
    report = desk.client.get("/v1/reports", params={"format": "cybertip", "case": 1})
    assert report.headers["content-type"] == "application/xml"
    assert b"<incidentSummary>" in report.content
    assert b"SHA256" not in report.content
    params: dict[str, Any] = {"format": "cybertip", "case": 1, "show_hashes": "true"}
    assert b"SHA256" in desk.client.get("/v1/reports", params=params).content
    with database.reading() as session:
        exports = [one for one in read_audit_records(session) if one["action"] == "report.exported"]
    assert len(exports) == 8
    assert all("(test)" in one["actor"] for one in exports)


@pytest.mark.parametrize(
    "query",
    [
        {"format": "cybertip"}, {"format": "html", "of": "cases"}, {"case": 1},
        {"format": "pdf", "list": "one"}, {"of": "cases", "show_hashes": "true"},
        {"show_details": "true"}, {"format": "cybertip", "case": 0},
        {"format": "html", "until": "0001-01-01T00:00:00Z"}, {"since": "9999-12-31T00:00:00-10:00"},
    ],
)  # fmt: skip
def test_options_that_go_with_another_format_are_refused(
    steady: Served, query: dict[str, Any]
) -> None:
    assert steady.client.get("/v1/reports", params=query).status_code == 400


def test_without_a_key_details_are_refused_and_nothing_breaks(serve: Serve) -> None:
    with serve() as served:
        served.client.post("/v1/scan", params={"content_id": "post/1"}, content=drawn(1))
        answer = served.client.put("/v1/matches/1/details", json={})
        assert answer.status_code == 503
        assert "no key" in answer.json()["detail"]
