"""Sharing in the console: consumers and their tokens, contributions, and feedback."""

from __future__ import annotations

import re
import time

import httpx
import pytest

from hashmatch.lists import add_entry_of
from hashmatch.store.lists import OWN, create_list, find_list
from hashmatch.store.sharing import save_consumer, save_feedback
from hashmatch.store.sharing.consumers import require_consumer
from hashmatch.store.tokens import Scope
from tests.pictures import hashes_of
from tests.service.console.signing import Person, signed_in, token_for
from tests.service.serving import PATIENCE_S, Served

_TOKEN = re.compile(r"hm_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def own(desk: Served) -> Served:
    """The service with an own list, which it shares, and case 1 confirmed."""
    with desk.database.writing() as session:
        create_list(session, "own", kind=OWN)
    desk.client.patch("/v1/cases/1", json={"decision": "confirm"}).raise_for_status()
    return desk


def _pull(served: Served, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=PATIENCE_S) as client:
        return client.get("/v1/shared").status_code


def test_a_consumer_is_registered_given_a_token_and_removed(own: Served) -> None:
    with signed_in(own) as ana:
        assert "There is none yet." in ana.get("/sharing").text
        answer = ana.post("/sharing", name="police", lists="own", categories="A1, B1")
        assert answer.headers["location"].startswith("/console/sharing/consumers/police")
        page = ana.post("/sharing/consumers/police", change="token", days="9", requests="60").text
        (token,) = _TOKEN.findall(page)
        # It is shown once.
        shown = ana.get("/sharing/consumers/police").text
        assert not _TOKEN.search(shown)
        assert token.split("_")[1] in shown
        assert _pull(own, token) == 200
        assert "A1, B1" in ana.get("/sharing").text
        answer = ana.post("/sharing/consumers/police", change="revoke", token="0" * 12)
        assert answer.status_code == 404
        ana.post("/sharing/consumers/police", change="save", lists="own", private="1")
        assert "answers only" in ana.get("/sharing/consumers/police").text
        ana.post("/sharing/consumers/police", change="revoke", token=token.split("_")[1])
        assert "It has no token" in ana.get("/sharing/consumers/police").text
        refused = ana.post("/sharing/consumers/police", change="remove", confirm="other")
        assert refused.status_code == 400
        ana.post("/sharing/consumers/police", change="remove", confirm="police")
        assert ana.get("/sharing/consumers/police").status_code == 404
    # It may be known for some seconds more, and then is of no consumer.
    assert _pull(own, token) in (401, 403)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Police!", "lists": "own"},
        {"name": "police", "lists": ""},
        {"name": "police", "lists": "one"},
        {"name": "police", "lists": "gone"},
    ],
    ids=["a bad name", "no list", "a list that is not shared", "a list that is not there"],
)
def test_a_consumer_that_cannot_be_is_refused_in_words(own: Served, fields: dict[str, str]) -> None:
    with signed_in(own) as ana:
        answer = ana.post("/sharing", **fields)
        assert answer.status_code in (400, 403, 404)
        assert "There is none yet." in ana.get("/sharing").text


def test_tokens_of_other_people_are_not_revoked_here(own: Served) -> None:
    token = token_for(own.database, "ben", "reviewer")
    with signed_in(own) as ana:
        ana.post("/sharing", name="police", lists="own")
        answer = ana.post("/sharing/consumers/police", change="revoke", token=token.split("_")[1])
        assert answer.status_code == 404
    with Person(own) as ben:
        assert ben.sign_in(token).status_code == 303


def test_the_page_says_how_far_a_list_is_published_and_why_another_is_not(own: Served) -> None:
    with own.database.writing() as session:
        add_entry_of(session, "own", list(hashes_of(5, "sha256").values()))
    with signed_in(own, role="auditor") as eve:
        page = eve.get("/sharing").text
    assert "TLP:AMBER+STRICT" in page
    assert "there is no list named" in page
    assert "not shared" in page


def _contribute(person: Person, **more: str) -> httpx.Response:
    fields = {
        "list": "own", "basis": "seen by two", "category": "A1", "jurisdiction": "GB",
        "classification": "icse=baseline\nuk=A", "generated": "partly", **more,
    }  # fmt: skip
    return person.post("/cases/1/contribute", **fields)


def test_a_contribution_takes_two_people(own: Served) -> None:
    with signed_in(own, "ana", "senior") as ana, signed_in(own, "ben", "senior") as ben:
        page = ana.get("/cases/1").text
        assert "Contribute its hashes" in page
        assert "Contribute its hashes" not in ana.get("/cases/2").text
        answer = _contribute(ana)
        assert "done=proposed" in answer.headers["location"]
        own_page = ana.get("/contributions").text
        assert "seen by two" in own_page
        assert "icse=baseline" in own_page
        assert 'value="approve"' not in own_page
        refused = ana.post("/contributions/1", decision="approve")
        assert (refused.status_code, "somebody other than ana" in refused.text) == (403, True)
        assert 'value="approve"' in ben.get("/contributions").text
        assert ben.post("/contributions/1", decision="approve").status_code == 303
        assert "None waits" in ben.get("/contributions").text
        assert re.search(r"entry \d+", ben.get("/contributions", state="added").text)
        assert "added" in ben.get("/cases/1").text
        assert ben.post("/contributions/1", decision="approve").status_code == 409
        assert ben.post("/contributions/1", decision="withdraw").status_code == 303
        assert "withdrawn" in ben.get("/contributions", state="all").text
        assert _contribute(ben).status_code == 303
        assert ben.post("/contributions/2", decision="reject").status_code == 303
        with own.database.reading() as session:
            assert find_list(session, "own").active_entries == 0


def test_a_contribution_that_cannot_be_is_refused_in_words(own: Served) -> None:
    with signed_in(own, "ana", "senior") as ana:
        for more in (
            {"basis": " "},
            {"list": "one"},
            {"classification": "nonsense"},
            {"jurisdiction": "Land"},
            {"generated": "somehow"},
            {"evidence": "999"},
        ):
            assert _contribute(ana, **more).status_code == 400, more
        assert _contribute(ana, list="nothing").status_code == 404
        assert ana.post("/cases/2/contribute", list="own", basis="b").status_code == 409
        assert ana.post("/contributions/1", decision="approve").status_code == 404
        assert ana.get("/contributions", state="nonsense").status_code == 400
    with signed_in(own, "kim", "reviewer") as kim:
        assert "Contribute its hashes" not in kim.get("/cases/1").text


def _give_feedback(served: Served, number: int) -> None:
    with served.database.writing() as session:
        entry = add_entry_of(session, "own", list(hashes_of(5, "sha256").values()))
        save_consumer(session, "police", lists=["own"])
        row, consumer = find_list(session, "own"), require_consumer(session, "police")
        for one in range(number):
            save_feedback(
                session, row, consumer, entry_id=str(entry + one), algorithm="sha256",
                is_affirmative=False, reason=f"a drawing {one}",
            )  # fmt: skip


def test_feedback_is_decided_with_a_reason(own: Served) -> None:
    _give_feedback(own, 3)
    with signed_in(own, "kim", "lists") as kim:
        page = kim.get("/feedback").text
        assert "a drawing 2" in page
        assert kim.post("/feedback/1", decision="decline").status_code == 400
        assert kim.post("/feedback/1", decision="else", reason="r").status_code == 400
        assert kim.post("/feedback/2", decision="decline", reason="it is none").status_code == 303
        answer = kim.post("/feedback/1", decision="withdraw", reason="they are right")
        assert answer.status_code == 303
        page = kim.get("/feedback").text
        assert "a drawing 2" in page
        assert "a drawing 1" not in page
        every = kim.get("/feedback", all="1").text
        assert "it is none" in every
        assert "they are right" in every
        assert kim.post("/feedback/1", decision="accept", reason="r").status_code == 409
        assert kim.post("/feedback/9", decision="accept", reason="r").status_code == 404
    with own.database.reading() as session:
        assert find_list(session, "own").active_entries == 0


def test_pages_are_bounded_and_go_on(own: Served) -> None:
    _give_feedback(own, 60)
    with own.database.writing() as session:
        for one in range(105):
            save_consumer(session, f"c{one:03}", lists=["own"])
    with signed_in(own, role="auditor") as eve:
        first = eve.get("/feedback").text
        assert "a drawing 49" in first
        assert "a drawing 50" not in first
        link = re.search(r'href="/console/feedback\?(after=\d+)"', first)
        assert link
        assert "a drawing 59" in eve.client.get(f"/feedback?{link[1]}").text
        assert "c099" in eve.get("/sharing").text
        assert "c104" not in eve.get("/sharing").text
        assert "c104" in eve.get("/sharing", after="c099").text


def test_what_is_done_is_on_the_audit_log_with_the_person(own: Served) -> None:
    with signed_in(own, "ana", "admin") as ana, Person(own) as eve:
        ana.post("/sharing", name="police", lists="own")
        page = ana.post("/sharing/consumers/police", change="token").text
        secret = _TOKEN.findall(page)[0].rpartition("_")[2]
        eve.sign_in(token_for(own.database, "eve", {Scope.AUDIT}))
        deadline = time.monotonic() + PATIENCE_S
        log = ""
        while "consumer.token" not in log and time.monotonic() < deadline:
            log = eve.get("/audit", what="consumer").text
    assert "consumer.registered" in log
    assert "(ana), console" in log
    assert secret not in log
