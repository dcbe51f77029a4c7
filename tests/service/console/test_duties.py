"""Duties about cases in the console: each is recorded by a form, and none without a reason."""

from __future__ import annotations

import pytest

from tests.service.console.signing import signed_in
from tests.service.serving import Served

CASE, DUTIES = "/cases/1", "/cases/1/duties"


@pytest.fixture
def confirmed(desk: Served) -> Served:
    """The service with case 1 confirmed by a program."""
    desk.client.patch("/v1/cases/1", json={"decision": "confirm"}).raise_for_status()
    return desk


def test_a_measure_is_imposed_explained_and_lifted(confirmed: Served) -> None:
    with signed_in(confirmed, "ana", "reviewer") as ana:
        ana.post(
            DUTIES, duty="measure", restriction="account_suspended", ground="terms",
            automation="partial", territory="EU",
        )  # fmt: skip
        shown = ana.get(CASE).text
        assert "account suspended" in shown
        assert "partly automated" in shown
        ana.post(DUTIES, duty="notified")
        assert "reasons given" in ana.get(CASE).text
        assert ana.post(DUTIES, duty="lift", measure="1", note=" ").status_code == 400
        ana.post(DUTIES, duty="lift", measure="1", note="it was a drawing")
        assert "lifted" in ana.get(CASE).text
        assert ana.post(DUTIES, duty="lift", measure="1", note="again").status_code == 409


def test_an_appeal_is_due_and_answered_by_another(confirmed: Served) -> None:
    with signed_in(confirmed, "ana", "reviewer") as ana, signed_in(confirmed, "bob") as bob:
        ana.post(CASE + "/decide", action="reopen", note="once more", revision="2")
        ana.post(CASE + "/decide", action="confirm", revision="3")
        sent = {"channel": "internal", "appellant": "uploader", "grounds": "my dog"}
        assert ana.post(DUTIES, duty="appeal", **sent).status_code == 303
        due = ana.get("/due").text
        assert "complaint to the platform" in due
        assert "post/0" in due
        answer = {"duty": "answer", "appeal": "1", "answer": "reversed", "note": "a dog"}
        assert ana.post(DUTIES, **answer).status_code == 403
        assert bob.post(DUTIES, **answer).status_code == 303
        assert "the decision was wrong" in bob.get(CASE).text
        assert "None is open." in bob.get("/due").text


def test_a_reference_and_a_retention_class_are_recorded(confirmed: Served) -> None:
    with signed_in(confirmed, "ana", "reviewer") as ana, signed_in(confirmed, "eve") as eve:
        sent = {"duty": "reference", "authority": "NCA", "reference": "R-17"}
        ana.post(DUTIES, **sent, made_at="2026-01-31T12:00")
        shown = ana.get(CASE).text
        assert "R-17" in shown
        assert "stays until" in shown
        chosen = {"duty": "retention", "retention_class": "messaging", "note": "a chat"}
        assert ana.post(DUTIES, **chosen).status_code == 403
        assert eve.post(DUTIES, **chosen).status_code == 303
        assert "a year at most" in eve.get(CASE).text


@pytest.mark.parametrize(
    "fields",
    [
        {"duty": "dance"},
        {"duty": "measure", "restriction": "exile", "ground": "terms", "automation": "none"},
        {"duty": "appeal", "channel": "pigeon", "appellant": "uploader"},
        {"duty": "reference", "authority": "", "reference": "1"},
        {"duty": "reference", "authority": "NCA", "reference": "1", "made_at": "soon"},
        {"duty": "answer", "answer": "upheld", "appeal": "first", "note": "x"},
    ],
)
def test_a_wrong_form_is_refused_and_records_nothing(
    confirmed: Served, fields: dict[str, str]
) -> None:
    with signed_in(confirmed, "ana", "reviewer") as ana:
        assert ana.post(DUTIES, **fields).status_code == 400
    facts = confirmed.client.get("/v1/cases/1").json()
    assert facts["measures"] == facts["appeals"] == facts["references"] == []
