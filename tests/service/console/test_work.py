"""Work at the console: the queue, decisions, hand-overs and looks, without scripts."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from hashmatch.store.cases import read_case
from hashmatch.store.engine import read_audit_records
from hashmatch.store.schema import ContentLook, utc_now
from hashmatch.store.tokens import Scope
from tests.service.console.conftest import add_cases
from tests.service.console.signing import Person, signed_in, token_for
from tests.service.serving import Served, make_token


def _revision(person: Person, case: int) -> str:
    found = re.search(r'name="revision" value="(\d+)"', person.get(f"/cases/{case}").text)
    assert found
    return found[1]


def _decide(person: Person, case: int, action: str, **fields: str) -> str:
    """Take a decision, and return where the answer leads."""
    sent = {"action": action, "revision": _revision(person, case), **fields}
    answer = person.post(f"/cases/{case}/decide", **sent)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def _state(served: Served, case: int) -> tuple[str, str, str]:
    with served.database.reading() as session:
        row = read_case(session, case).row
        return row.state, row.assignee, row.proposal


def test_the_queue_shows_what_waits_and_what_matched(desk: Served) -> None:
    with signed_in(desk) as person:
        page = person.get("/queue").text
        for text in ("Case 1", "post/0", "block", "one", "due in"):
            assert text in page
        assert "Case 1" not in person.get("/queue", state="closed").text


def test_a_filter_that_there_is_not_is_an_error_in_words(desk: Served) -> None:
    with signed_in(desk) as person:
        for query in (
            {"state": "x"},
            {"distance": "3"},
            {"due": "9"},
            {"made": "y"},
            {"action": "z"},
        ):
            answer = person.get("/queue", **query)
            assert answer.status_code == 400
            assert "there is no such choice" in answer.text


def test_the_next_case_is_never_handed_to_two_people(desk: Served) -> None:
    add_cases(desk, 12, prefix="more")
    taken: list[str] = []
    lock = threading.Lock()

    def work(name: str) -> None:
        with signed_in(desk, name) as person:
            for _ in range(20):
                answer = person.post("/queue/next")
                where = answer.headers["location"]
                if not where.startswith("/console/cases/"):
                    return
                case = urlsplit(where).path.rpartition("/")[2]
                with lock:
                    taken.append(case)
                _decide(person, int(case), "confirm")

    threads = [threading.Thread(target=work, args=(name,)) for name in ("ana", "ben", "cem")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(taken, key=int) == [str(one) for one in range(1, 16)]


def test_a_dismissal_needs_a_reason_and_under_four_eyes_another_person(desk: Served) -> None:
    with signed_in(desk, "ana") as ana, signed_in(desk, "ben") as ben:
        fields = {"action": "dismiss", "revision": _revision(ana, 1)}
        answer = ana.post("/cases/1/decide", **fields)
        assert answer.status_code == 400
        assert "needs a note" in answer.text
        assert "done=proposed" in _decide(ana, 1, "dismiss", note="a drawing of ours")
        assert "Somebody else has to agree." in ana.get("/cases/1").text
        answer = ana.post(
            "/cases/1/decide", action="dismiss", note="again", revision=_revision(ana, 1)
        )
        assert answer.status_code == 403
        assert "It needs your agreement" in ben.get("/cases/1").text
        assert "Case 1" in ben.get("/queue", approval="mine", state="all").text
        assert "Case 1" not in ana.get("/queue", approval="mine", state="all").text
        assert "Case 1" in ana.get("/queue", approval="any", state="all").text
        _decide(ben, 1, "dismiss", note="agreed")
    assert _state(desk, 1)[0] == "false_positive"


def test_a_case_that_was_changed_meanwhile_is_not_decided(desk: Served) -> None:
    with signed_in(desk, "ana") as ana, signed_in(desk, "ben") as ben:
        seen = _revision(ana, 1)
        _decide(ben, 1, "confirm")
        answer = ana.post("/cases/1/decide", action="reopen", note="x", revision=seen)
        assert answer.status_code == 409
        assert "was changed meanwhile" in answer.text


def test_after_a_decision_the_next_case_of_the_same_filter_follows(desk: Served) -> None:
    with signed_in(desk) as person:
        where = _decide(person, 1, "reported", note="by phone", next="1", **{"from": "list=one"})
        assert urlsplit(where).path == "/console/cases/2"
        assert parse_qs(urlsplit(where).query)["from"] == ["list=one"]
    assert _state(desk, 2)[1] == "ana"


def test_bulk_actions_succeed_and_fail_each_by_itself(desk: Served) -> None:
    with signed_in(desk) as person:
        _decide(person, 2, "confirm")
        fields = {"case-1": "1", "case-2": "1", "case-3": "1", "case-99": "1"}
        answer = person.post("/queue/actions", do="confirm", **fields)
        assert "2 cases were changed." in answer.text
        assert "2 cases are as they were." in answer.text
        assert "there is no case" in answer.text
        assert person.post("/queue/actions", do="confirm").status_code == 400
        token_for(desk.database, "cem", "reviewer")
        answer = person.post("/queue/actions", do="assign", to="cem", list="one", **{"case-3": "1"})
        assert "assigned to cem" in answer.text
        assert 'href="/console/queue?list=one"' in answer.text
    assert _state(desk, 3)[:2] == ("confirmed", "cem")


def test_a_saved_queue_is_open_to_those_whom_it_names(desk: Served) -> None:
    with (
        signed_in(desk, "ana", "reviewer") as ana,
        signed_in(desk, "ben", "reviewer") as ben,
        signed_in(desk, "cem", "reviewer") as cem,
    ):
        ana.post("/queue/save", name="late ones", due="overdue", people="ben")
        assert "late ones" in ana.get("/queue").text
        assert "late ones" in ben.get("/queue").text
        assert "late ones" not in cem.get("/queue").text
        assert ben.post("/queue/forget", queue="1").status_code == 404
        ana.post("/queue/save", name="late ones", due="overdue", everybody="1")
        assert "late ones" in cem.get("/queue").text
        ana.post("/queue/forget", queue="1")
        assert "late ones" not in ana.get("/queue").text


def test_what_is_sent_is_shown_before_without_the_uploader(desk: Served) -> None:
    details = {"account": {"id": "user-4711", "last_name": "Mallory"}}
    desk.client.put("/v1/matches/1/details", json=details).raise_for_status()
    with signed_in(desk, "ana", "senior") as ana, signed_in(desk, "ben", "reviewer") as ben:
        _decide(ana, 1, "confirm")
        for name, text in (("desk", "case.escalated"), ("ncmec", "incidentSummary")):
            page = ana.get(f"/cases/1/hand-over/{name}").text
            assert text in page
            assert "user-4711" not in page
        assert "user-4711" not in ana.get("/cases/1").text
        assert "user-4711" in ana.post("/cases/1/hand-over/ncmec/details").text
        assert "user-4711" in ana.post("/cases/1/details").text
        assert ben.post("/cases/1/details").status_code == 403
        ana.post("/cases/1/hand-over/desk", revision=_revision(ana, 1), note="please")
        assert "waiting" in ana.get("/cases/1").text
        assert "case.escalated" in ana.get("/outbox").text
    with desk.database.reading() as session:
        shown = [one for one in read_audit_records(session) if one["action"] == "details.shown"]
    assert [one["actor"].partition("(")[2] for one in shown] == ["ana), console"] * 2
    assert _state(desk, 1)[0] == "escalated"


def test_a_look_is_recorded_with_its_reason_before_the_link_is_given(desk: Served) -> None:
    with signed_in(desk, "ana", "reviewer") as person:
        assert "viewer.example" not in person.get("/cases/1").text
        assert person.post("/cases/1/look", evidence="1", reason=" ").status_code == 400
        page = person.post("/cases/1/look", evidence="1", reason="the match is near").text
        assert 'href="https://viewer.example/see/post%2F0?start=blurred"' in page
        assert "<img" not in page
        assert person.post("/cases/1/look", evidence="2", reason="x").status_code == 404
        for _ in range(2):
            person.post("/cases/1/look", evidence="1", reason="again")
        answer = person.post("/cases/1/look", evidence="1", reason="once more")
        assert answer.status_code == 403
        assert "which is the limit" in answer.text
        with desk.database.writing() as session:
            session.execute(update(ContentLook).values(looked_at=utc_now() - timedelta(days=2)))
        assert person.post("/cases/1/look", evidence="1", reason="today").status_code == 200
        assert "content was looked at" in person.get("/cases/1").text


def test_notes_holds_plans_and_assignments_are_made_and_shown(desk: Served) -> None:
    token_for(desk.database, "ben", "reviewer")
    with signed_in(desk, "ana", "senior") as person:
        for fields in (
            {"change": "note", "note": "seen twice"},
            {"change": "hold", "reason": "order 12/2026"},
            {"change": "assign", "assignee": "ben"},
            {"change": "plan", "due": "2026-12-24T18:00", "priority": "0"},
        ):
            assert person.post("/cases/1/change", **fields).status_code == 303
        page = person.get("/cases/1").text
        for text in ("seen twice", "order 12/2026", "ben", "2026-12-24 18:00", "legal hold placed"):
            assert text in page
        assert person.post("/cases/1/change", change="plan", due="soon").status_code == 400
        assert person.post("/cases/1/change", change="release").status_code == 400
        answer = person.post("/cases/1/change", change="release", reason="order 13/2026")
        assert answer.status_code == 303
        # Why it was placed, and why it ended, stay.
        page = person.get("/cases/1").text
        for text in ("order 12/2026", "order 13/2026", "legal hold released"):
            assert text in page
    assert _state(desk, 1)[1] == "ben"


def test_a_case_is_assigned_to_people_whom_somebody_knows(desk: Served) -> None:
    token_for(desk.database, "ben", "reviewer")
    token_for(desk.database, "a scanner", {Scope.SCAN})
    with signed_in(desk) as person:
        assert '<option value="ben">' in person.get("/cases/1").text
        assert "a scanner" not in person.get("/cases/1").text
        answer = person.post("/cases/1/change", change="assign", assignee="bne")
        assert answer.status_code == 400
        assert "nobody of the name" in answer.text
        answer = person.post("/queue/actions", do="assign", to="bne", **{"case-1": "1"})
        assert answer.status_code == 400
        for name in ("ben", ""):
            answer = person.post("/cases/1/change", change="assign", assignee=name)
            assert answer.status_code == 303
    assert _state(desk, 1)[1] == ""


@pytest.mark.parametrize("text", ["#2", "Case 2", "case 2", "Fall 2", " 2 "])
def test_a_case_is_found_by_its_number_however_it_is_written(desk: Served, text: str) -> None:
    with signed_in(desk, role="reviewer") as person:
        assert person.get("/find", what=text).headers["location"] == "/console/cases/2"


def test_a_case_is_found_by_a_part_of_its_content_id(desk: Served) -> None:
    with signed_in(desk, role="reviewer") as person:
        for text, found in (("OST/1", "Case 2"), ("t/", "Case 1"), ("post/77", "No case fits")):
            where = person.get("/find", what=text).headers["location"]
            page = person.client.get(where.removeprefix("/console")).text
            assert found in page, text
        # A whole content id is that one, and no other that has it as a part.
        where = person.get("/find", what="post/1").headers["location"]
        assert person.client.get(where.removeprefix("/console")).text.count("data-row") == 1


def test_nothing_that_was_confirmed_is_put_on_an_allow_list(desk: Served) -> None:
    with signed_in(desk, "ana", "admin") as person:
        _decide(person, 2, "confirm")
        fields = {"name": "ok", "reason": "a drawing of ours"}
        refused = person.post("/allow-lists", match="3", **fields)
        assert refused.status_code == 409
        assert "confirmed" in refused.text
        _decide(person, 1, "dismiss", note="a drawing of ours")
        with signed_in(desk, "ben", "reviewer") as second:
            _decide(second, 1, "dismiss", note="it is")
        assert 'href="/console/allow-lists?match=1"' in person.get("/cases/1").text
        assert 'value="1"' in person.get("/allow-lists", match="1").text
        assert person.post("/allow-lists", match="match 1", **fields).status_code == 303


def test_a_case_is_found_by_its_number_or_content_id_and_a_way_back_is_offered(
    desk: Served,
) -> None:
    with signed_in(desk, role="reviewer") as person:
        assert person.get("/find", what="2").headers["location"] == "/console/cases/2"
        where = person.get("/find", what="post/1").headers["location"]
        assert "Case 2" in person.client.get(where.removeprefix("/console")).text
        assert "at most 7 of 31 bits" in person.get("/cases/1").text
        referer = {"Referer": f"{desk.url}/console/cases/1?from=x"}
        answer = person.client.get("/cases/99", headers=referer)
        assert 'href="/console/cases/1?from=x"' in answer.text
        referer = {"Referer": "https://evil.example/console/cases/1"}
        assert "evil" not in person.client.get("/cases/99", headers=referer).text


def test_other_cases_of_the_uploader_and_of_the_entry_are_shown(desk: Served) -> None:
    with signed_in(desk) as person:
        page = person.get("/cases/1").text
        assert "Of the same entries" in page
        assert "Of the same uploader" not in page
        for case in (1, 3):
            match = desk.client.get(f"/v1/cases/{case}").json()["matches"][0]["match_id"]
            details = {"account": {"id": "user-4711"}}
            desk.client.put(f"/v1/matches/{match}/details", json=details).raise_for_status()
        page = person.get("/cases/1").text
        of_uploader = page.partition("Of the same uploader")[2].partition("<h3>")[0]
        assert 'href="/console/cases/3"' in of_uploader
        assert 'href="/console/cases/2"' not in of_uploader


def test_the_api_and_the_console_act_on_the_same_cases(desk: Served) -> None:
    headers = make_token(desk.database)
    with signed_in(desk) as person:
        _decide(person, 1, "confirm")
        facts = desk.anonymous.get("/v1/cases/1", headers=headers).json()
    assert facts["state"] == "confirmed"
    assert facts["history"][-1]["by"].endswith("(ana), console")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/cases/99", 404, "there is no case"),
        ("/cases/0", 400, "greater than or equal to 1"),
        ("/lists/nothing", 404, "nothing"),
        ("/nowhere", 404, "There is nothing here"),
        ("/queue?after=x", 400, "after"),
        ("/cases/1/hand-over/nobody", 400, "there is no escalation"),
        ("/reports?since=never", 400, "2026-01-31"),
    ],
)
def test_bad_addresses_are_pages_with_a_reason(
    desk: Served, path: str, status: int, words: str
) -> None:
    with signed_in(desk) as person:
        answer = person.get(path) if "?" not in path else person.client.get(path)
        assert answer.status_code == status
        assert words in answer.text
        assert answer.headers["content-type"].startswith("text/html")
