"""Notices over HTTP: from the platform's form to the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope
from hashmatch.uploaders import make_detail_key
from tests.notices.making import PERSON, WHOLE
from tests.service.conftest import Serve
from tests.service.serving import Served, make_token

FORM: dict[str, Any] = {**WHOLE, "reference": "form/1"}


@pytest.fixture
def desk(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A service with a key for contacts."""
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    with serve(cases={"detail_keys": [{"env": "DETAIL_KEY"}]}) as running:
        yield running


def test_a_request_goes_from_the_form_to_its_outcome(desk: Served, database: Database) -> None:
    platform = make_token(database, Scope.SCAN)
    sent = {**FORM, "good_faith": False, "received_at": "2026-01-02T03:04:05Z"}
    first = desk.anonymous.post("/v1/notices", json=sent, headers=platform)
    assert first.status_code == 201
    request_id = first.json()["request_id"]
    assert (first.json()["state"], first.json()["missing"]) == ("incomplete", ["good_faith"])
    again = desk.anonymous.post("/v1/notices", json=sent, headers=platform)
    assert (again.status_code, again.json()["request_id"]) == (200, request_id)
    other = desk.anonymous.post("/v1/notices", json={**sent, "signed": False}, headers=platform)
    assert other.status_code == 409
    supplied_at = (utc_now() - timedelta(hours=49)).isoformat()
    whole = desk.anonymous.post(
        f"/v1/notices/{request_id}/parts",
        json={"good_faith": True, "supplied_at": supplied_at},
        headers=platform,
    ).json()
    assert (whole["state"], whole["missing"]) == ("valid", [])
    # A token that sends requests sees none of them.
    assert desk.anonymous.get("/v1/notices", headers=platform).status_code == 403
    (line,) = desk.client.get("/v1/notices?overdue=true").json()["notices"]
    assert (line["request_id"], line["is_overdue"]) == (request_id, True)
    work = {"removed": ["post/1"], "copies_found": 2, "copies_removed": 2}
    assert desk.client.patch(f"/v1/notices/{request_id}", json=work).json()["state"] == "valid"
    closing = {"outcome": "removed", "removed": ["post/2"], "note": "done"}
    closed = desk.client.post(f"/v1/notices/{request_id}/close", json=closing)
    assert closed.json() == {"request_id": request_id, "state": "removed"}
    assert desk.client.post(f"/v1/notices/{request_id}/close", json=closing).status_code == 409
    found = desk.client.get(f"/v1/notices/{request_id}")
    assert (found.json()["in_time"], found.json()["copies_removed"]) == (False, 2)
    assert all(one["removed_at"] for one in found.json()["places"])
    assert PERSON["name"] not in found.text
    reopened = {"outcome": "reopened", "note": "by mistake"}
    assert desk.client.post(f"/v1/notices/{request_id}/close", json=reopened).json()["state"] == (
        "valid"
    )


def test_contacts_need_their_own_scope_and_are_on_record(desk: Served, database: Database) -> None:
    request_id = desk.client.post("/v1/notices", json=FORM).json()["request_id"]
    place = f"/v1/notices/{request_id}/contact"
    for scopes, status in (((Scope.REVIEW, Scope.SCAN), 403), ((Scope.DETAILS,), 200)):
        headers = make_token(database, *scopes)
        assert desk.anonymous.get(place, headers=headers).status_code == status
    assert desk.client.get(place).json()["requester"]["name"] == PERSON["name"]
    history = desk.client.get(f"/v1/notices/{request_id}").json()["history"]
    assert [one["what"] for one in history].count("contact.shown") == 2


def test_pages_follow_each_other(desk: Served) -> None:
    for number in range(5):
        sent = {**FORM, "reference": f"form/{number}", "good_faith": number % 2 == 0}
        assert desk.client.post("/v1/notices", json=sent).status_code == 201
    found, cursor = [], ""
    while True:
        page = desk.client.get(f"/v1/notices?limit=2{cursor}").json()
        found += [one["reference"] for one in page["notices"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == ["form/0", "form/2", "form/4", "form/1", "form/3"]
    other = desk.client.get("/v1/notices?state=removed&cursor=valid.1.1")
    assert other.status_code == 400


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({**FORM, "reference": None}, "reference"),
        ({**FORM, "secret-of-the-form": 1}, "body"),
        ({**FORM, "requester": {"secret-name": "x"}}, "body.requester"),
        ({**FORM, "places": [{"content_id": "x"}] * 101}, "body.places"),
        ({**FORM, "received_at": "2999-01-01T00:00:00Z"}, "received_at"),
        ({**FORM, "received_at": "yesterday"}, "body.received_at"),
        ([], "body"),
    ],
)
def test_what_a_form_must_not_send_is_refused_without_a_quote(
    desk: Served, body: object, place: str
) -> None:
    answer = desk.client.post("/v1/notices", json=body)
    assert answer.status_code == 400
    assert place in answer.json()["detail"]
    assert "secret-" not in answer.text


def test_there_is_no_notice_of_another_id(desk: Served) -> None:
    assert desk.client.get("/v1/notices/NR-0000-0000-0000").status_code == 404
    assert desk.client.get("/v1/notices/1").status_code == 400
    assert desk.client.patch("/v1/notices/NR-0000-0000-0000", json={}).status_code == 404


def test_without_a_key_a_request_is_refused_as_a_whole(served: Served) -> None:
    assert served.client.post("/v1/notices", json=FORM).status_code == 503
    assert served.client.get("/v1/notices").json()["notices"] == []
